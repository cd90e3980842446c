"""`nirx bench`: what it prints and what it refuses; the times are the machine's affair."""

import json

import pytest

import nirx
from nirx.cli.app import main
from nirx_conformance.benchmarks import networks, suite
from support.graphs import chain, lif

TINY = ["--batch", "1", "--steps", "30", "--repeats", "1"]


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.nir"
    nirx.write(path, networks.feed_forward((6, 5, 4)))
    return str(path)


def found_by(capsys, *arguments):
    assert main(["bench", *TINY, "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def rows_of(case):
    return {row["name"]: row for row in case["rows"]}


def test_modes_batches_and_inputs_are_all_measured(model, capsys):
    options = ["--backends", "numpy", "--batch", "1,2", "--inputs", "spikes,real", "--dt", "1e-3"]
    cases = found_by(capsys, model, *options)["cases"]
    assert [(c["batch"], c["inputs"]) for c in cases] == [
        (1, "spikes"),
        (1, "real"),
        (2, "spikes"),
        (2, "real"),
    ]
    for case in cases:
        rows = rows_of(case)
        assert list(rows) == ["nirx numpy", "nirx numpy, reproducible"]
        assert rows["nirx numpy"]["ratio"] == 1
        slow = rows["nirx numpy, reproducible"]
        assert slow["status"] == "measured"
        assert slow["ratio_low"] <= slow["ratio"] <= slow["ratio_high"]
        assert slow["first_call"] > 0


def test_the_machine_is_named(model, capsys):
    machine = found_by(capsys, model, "--backends", "numpy", "--dt", "1e-3")["machine"]
    assert machine["threads"] >= 1
    assert machine["processor"]
    assert "numpy" in machine["versions"]


def test_floors_and_a_scan_by_hand(model, capsys):
    options = ["--backends", "torch,jax", "--peers", "matmul,scan", "--dt", "1e-3"]
    options += ["--density", "0.3"]
    rows = rows_of(found_by(capsys, model, *options)["cases"][0])
    assert {name: row["status"] for name, row in rows.items()} == {
        "nirx torch": "measured",
        "nirx jax": "measured",
        "scan": "measured",
        "matmul torch": "floor",
        "matmul jax": "floor",
    }
    assert rows["scan"]["framework"] == "jax"
    assert all(row["ratio"] > 0 for row in rows.values())


def test_float64(model, capsys):
    options = ["--backends", "numpy,torch,jax", "--dtype", "float64", "--dt", "1e-3"]
    (case,) = found_by(capsys, model, *options)["cases"]
    assert {row["status"] for row in case["rows"]} == {"measured"}
    assert case["dtype"] == "float64"


def test_training(model, capsys):
    options = ["--backends", "numpy,torch", "--peers", "matmul", "--train", "--dt", "1e-3"]
    rows = rows_of(found_by(capsys, model, *options)["cases"][0])
    assert rows["nirx numpy"]["reason"] == "no gradients"
    assert rows["nirx torch"]["median"] > 0


def test_the_table_says_why_a_peer_is_not_timed(tmp_path, capsys):
    path = str(tmp_path / "other.nir")
    nirx.write(path, chain({"lif": lif(3)}, 3))
    options = ["--backends", "numpy", "--peers", "matmul torch", "--dt", "1e-3"]
    assert main(["bench", path, *TINY, *options]) == 0
    assert "there are no weights" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backends", ""], "--backends"),
        (["--backends", "nupmy"], "numpy"),
        (["--peers", "nors"], "norse"),
        (["--modes", "slow"], "fast, reproducible"),
        (["--batch", "1,x"], "--batch '1,x'"),
        (["--batch", "0"], "at least 1"),
        (["--density", "1.5"], "from 0 to 1"),
        (["--density", "nan"], "from 0 to 1"),
        (["--inputs", ""], "spikes, real"),
        (["--device", "tpu"], "cpu or cuda"),
        (["--page", "page.md"], "--suite"),
        (["--suite", "model.nir"], "--suite with FILE"),
        (["--suite", "--batch", "3", "--train"], "--suite with --batch, --train"),
        (["--peers", "norse", "--dtype", "float64"], "float32"),
        (["missing.nir"], "missing.nir"),
    ],
)
def test_bad_options_are_refused_before_any_work(arguments, said, capsys):
    assert main(["bench", *arguments]) == 2
    text = capsys.readouterr().err
    assert text.count("nirx: error:") == 1
    assert said in text


def test_cuda_is_refused_where_there_is_none(capsys):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    assert main(["bench", "--device", "cuda"]) == 2
    assert "no CUDA device" in capsys.readouterr().err


def test_the_suite_writes_its_section_of_a_page(tmp_path, monkeypatch, capsys):
    sections = "".join(
        f"<!-- begin performance {d} -->\nold {d}\n<!-- end performance {d} -->\n"
        for d in ("cpu", "cuda")
    )
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n{sections}")
    runs = ((1, 0.3, False), (2, 0.3, False))
    small = suite.SuiteNetwork("small", lambda: networks.feed_forward((6, 4)), (6,), runs, steps=30)
    monkeypatch.setattr(suite, "NETWORKS", (small,))
    options = ["--suite", "--backends", "torch", "--peers", "matmul torch", "--repeats", "1"]
    assert main(["bench", *options, "--page", str(page), "--json"]) == 0
    assert [case["batch"] for case in json.loads(capsys.readouterr().out)["cases"]] == [1, 2]
    text = page.read_text()
    assert "old cuda" in text
    assert "old cpu" not in text
    assert "### small" in text
    assert "| matmul torch |" in text
    assert (
        f"nirx bench --suite --backends=torch '--peers=matmul torch' --repeats=1 --page {page}"
        in text
    )


def test_a_page_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys):
    page = tmp_path / "absent" / "page.md"
    assert main(["bench", "--suite", "--page", str(page)]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_the_default_network_takes_another_step(capsys):
    options = ["--backends", "numpy", "--steps", "5", "--preset", "spikingjelly.IFNode"]
    assert main(["bench", *TINY, *options, "--set", "spikes=lots"]) == 2
    assert "lots" in capsys.readouterr().err
    assert main(["bench", *TINY, *options, "--json"]) == 0
