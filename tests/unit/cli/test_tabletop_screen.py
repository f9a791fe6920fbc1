"""A rebuilt release on the terminal."""

import io
from dataclasses import replace

from rich.console import Console
from tests.unit.auditor.tabletop_story import lifecycle, released

from auditspine.auditor.tabletop.report import Release
from auditspine.cli.console import _THEME
from auditspine.cli.tabletop_screen import release_screen


def shown(release: Release, width: int = 160) -> str:
    console = Console(file=io.StringIO(), theme=_THEME, width=width, color_system=None)
    console.print(release_screen(release))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_complete_release_names_each_piece_and_where_it_is_sealed() -> None:
    release = lifecycle().release()
    text = shown(release)
    assert "100 of 100  19 present" in text
    assert "none: every piece is there and holds" in text
    for piece in release.pieces:
        assert f"✓  {piece.name}" in text
    assert "lifecycle/0 15,16" in text  # the approvals
    assert "run `auditspine verify`" in text


def test_a_gap_is_named_with_what_would_mend_it() -> None:
    release = lifecycle().without("explanation.attached", "code.committed").release()
    text = shown(release)
    assert "81 of 100  16 present, 2 missing, 1 unverifiable" in text
    assert "✗ code: no code.committed says who wrote and who reviewed it" in text
    assert "to mend it: publish code.committed for this digest" in text
    gaps = text[text.index("Open gaps") :]
    assert gaps.index("code:") < gaps.index("explanation:")  # what counts most first


def test_what_others_wrote_cannot_move_the_cursor_nor_style_the_text() -> None:
    hostile = "\x1b[2Jteam\u202e [bold]x[/bold]"
    entries = [
        replace(each, body={**each.body, "owner": hostile})
        if each.event_type == "model.registered"
        else each
        for each in lifecycle().entries()
    ]
    text = shown(released(entries))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]x[/bold]" in text
