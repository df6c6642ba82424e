"""What the screens share on which a job's pictures are drawn: they look often, and read in a thread."""

from textual.message import Message
from typing_extensions import override

from sciabc_tui.api.pictures import Picture
from sciabc_tui.cluster.job import Job
from sciabc_tui.tui.job_picture import LOOK, JobPicture
from sciabc_tui.tui.log_reader import LogSource
from sciabc_tui.tui.present.frames import drawn
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.picture import PictureView


class DrawingScreen(ClusterScreen):
    """A screen with the pictures of one job, each shown for a look at least."""

    class Read(Message):
        """The log was looked at."""

    def __init__(self, link: Link, source: LogSource) -> None:
        super().__init__(link)
        self._source = source
        self._pictures: JobPicture | None = None
        self._reading = False
        self._picture = PictureView(id="picture")

    @override
    def on_mount(self) -> None:
        super().on_mount()
        if self.link.ticking:
            self.set_interval(LOOK, self._look)

    @override
    def tick(self) -> None:
        super().tick()
        self._look()

    def draw(self) -> None:
        """Show how things stand after a picture was turned to, or looked for."""
        raise NotImplementedError

    def _follow(self, job: Job) -> None:
        """Read the pictures of the job's newest attempt from now on."""
        if self._pictures is None or self._pictures.of != (job.id, job.attempt):
            self._pictures = JobPicture(self._source, job.id, job.attempt)

    def _paint(self, picture: Picture) -> None:
        """Draw a picture in the room that there is."""
        room = self._picture.size
        if room.width and room.height:
            colours = not any(node.has_class("-reverse") for node in self.ancestors)
            self._picture.put(drawn(picture, room.width, room.height, self.view.glyphs, colours=colours))

    def _look(self) -> None:
        """Show the next picture, and read on if there is none behind it."""
        pictures = self._pictures
        if pictures is None or not self.is_current:
            return
        if pictures.turn():
            self.draw()
        if not pictures.waits and not self._reading and self.view.gone is None:
            self._reading = True
            self.run_worker(lambda: self._read(pictures), thread=True, group="picture")

    def _read(self, pictures: JobPicture) -> None:
        pictures.read()
        self.post_message(self.Read())

    def on_drawing_screen_read(self, message: "DrawingScreen.Read") -> None:
        """Show what was found, or why nothing was."""
        message.stop()
        self._reading = False
        if self._pictures is not None and self.is_current:
            self._pictures.arrived()
            self.draw()
