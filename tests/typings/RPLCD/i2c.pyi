from typing import Any

SMBus: Any

class CharLCD:
    cursor_pos: tuple[int, int]
    def __init__(
        self,
        i2c_expander: str,
        address: int,
        *,
        port: int = 1,
        cols: int = 20,
        rows: int = 4,
        charmap: str = "A02",
        auto_linebreaks: bool = True,
    ) -> None: ...
    def write_string(self, value: str) -> None: ...
    def create_char(self, location: int, bitmap: tuple[int, ...]) -> None: ...
