from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import demo
import pytest
import writer

import dump_records
import verify_segment

TOOLS = Path(__file__).parent.parent


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TOOLS / script), *arguments], capture_output=True, text=True, check=False
    )


def test_verify_prints_one_json_document_and_leaves_with_0(tmp_path: Path) -> None:
    demo.log().save(tmp_path)
    done = run("verify_segment.py", "--json", str(tmp_path))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["continuity"] == {"checked": 4, "broken": 0}
    assert (report["segments"], report["blocks"], report["records"], report["gaps"]) == (1, 6, 17, 1)


def test_verify_leaves_with_8_and_names_the_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = demo.log()
    log.data[4096 * 2 + 80] ^= 1
    path = log.save(tmp_path)
    assert verify_segment.main([str(path)]) == 8
    assert "1 blocks with 3 records are damaged" in capsys.readouterr().out


def test_missing_paths_leave_with_4_and_wrong_usage_with_2(tmp_path: Path) -> None:
    for main in (verify_segment.main, dump_records.main):
        assert main([str(tmp_path / "none")]) == 4
        assert main([str(tmp_path)]) == 4
        with pytest.raises(SystemExit) as left:
            main(["--what"])
        assert left.value.code == 2
    for wrong in (["--from", "yesterday"], ["--type", "trades"], ["--from", "2024-08-09", "--to", "2024-08-08"]):
        with pytest.raises(SystemExit) as left:
            dump_records.main([str(tmp_path), *wrong])
        assert left.value.code == 2


def test_a_newer_segment_leaves_with_7_and_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer.Log().block(writer.segment_start(), version=2).save(tmp_path, index=False)
    assert dump_records.main([str(tmp_path)]) == 7
    assert "version 2" in capsys.readouterr().err
    demo.log().save(tmp_path, "2024-08-09.main.000")
    assert verify_segment.main(["--json", str(tmp_path)]) == 7
    report = json.loads(capsys.readouterr().out)
    assert [(Path(one["path"]).name, one["code"]) for one in report["unreadable"]] == [
        ("2024-08-08.main.000.tfs", "TF_NEWER_FORMAT")
    ]
    assert (report["ok"], report["segments"], report["blocks"]) == (False, 1, 6), "the other segment is verified"


def test_dump_prints_text_for_every_number_that_json_would_round(tmp_path: Path) -> None:
    demo.log().save(tmp_path)
    done = run(
        "dump_records.py", str(tmp_path), "--type", "trade,book", "--from", "2024-08-08T00:00:00.6Z", "--limit", "2"
    )
    assert done.returncode == 0, done.stderr
    trade, book = (json.loads(line) for line in done.stdout.splitlines())
    assert trade["price"] == "100.10"
    assert (trade["size"], trade["trade_id"], trade["side"], trade["ts_event"]) == (
        "0.00101",
        "1",
        "buy",
        "1723075200599999995",
    )
    assert (book["bids"], book["asks"], book["last_update_id"]) == ([["100.10", "0.00001"]], [["100.11", "0"]], "1")


@pytest.mark.parametrize("script", ["verify_segment.py", "dump_records.py", "run_notebook.py"])
def test_help_shows_an_example(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    assert "example:" in done.stdout
    assert "exit codes:" in done.stdout


def test_a_data_frame_has_exact_decimals_and_nanoseconds(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    from tick_tools.frames import COLUMNS, to_polars

    demo.log().save(tmp_path)
    trades = to_polars(tmp_path, "trade")
    assert trades.columns == COLUMNS["trade"]
    assert trades.height == 4
    assert trades["ts_recv"].dt.epoch("ns").to_list() == [writer.T0 + i * 600_000_000 for i in range(4)]
    assert str(trades["price"].sum()) == "400.20"
    assert trades.schema["size"] == pl.Decimal(38, 5)
    book = to_polars(tmp_path, "book")
    assert (book.columns, book.height, book["side"].to_list()[:2]) == (COLUMNS["book"], 9, ["bid", "ask"])
    assert to_polars(tmp_path, "quote", instruments=["kraken:none"]).height == 0
    with pytest.raises(ValueError, match="no columns"):
        to_polars(tmp_path, "gap")


def test_the_notebooks_are_stripped_and_small() -> None:
    for path in sorted((TOOLS.parent / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells), path
        assert path.stat().st_size < 100_000


def test_the_quickstart_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("polars", "pyarrow", "nbclient", "ipykernel"):
        pytest.importorskip(module)
    import run_notebook

    demo.log().save(tmp_path)
    demo.exports(tmp_path)
    monkeypatch.setenv("TICKFORGE_DEMO", str(tmp_path))
    outputs = run_notebook.run(TOOLS.parent / "notebooks" / "00_quickstart.ipynb", 30)
    tables = "\n".join(outputs)
    assert "400.20" in tables, "the sums of export and log"
    assert "{'checked': 4, 'broken': 0}" in tables


def test_a_notebook_that_fails_leaves_with_8(tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    import nbformat

    import run_notebook

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 == 2")])
    nbformat.write(notebook, tmp_path / "fails.ipynb")
    assert run_notebook.main([str(tmp_path / "fails.ipynb")]) == 8
    assert run_notebook.main([str(tmp_path / "none.ipynb")]) == 4
