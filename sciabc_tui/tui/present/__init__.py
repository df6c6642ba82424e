"""What the screens show, as ready text: the state and the time go in, frozen rows come out. Plain Python."""
