"""`keras-benford information`, on models that Keras saved: what it prints, refuses, and runs."""

import inspect
import json
import pickle
import shutil
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from keras_benford.cli import main, options
from keras_benford.cli.information import OPTIONS
from keras_benford.information import rank, ranking, report
from keras_benford.information.reports import READING


@pytest.fixture(scope="module")
def models():
    found = {}
    for name in ("first", "second"):
        keras.utils.set_random_seed(len(found))
        body = [layers.Dense(5, "relu", name="a"), layers.Dense(4, "relu", name="b")]
        logits = layers.Dense(2, name="logits")
        found[name] = keras.Sequential([keras.Input((6,)), *body, logits], name=name)
    return found


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).standard_normal((68, 6)).astype("float32")


@pytest.fixture(scope="module")
def folder(models, x, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    np.save(folder / "x.npy", x)
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
    models["first"].save(folder / "first.h5")
    models["first"].save_weights(folder / "first.weights.h5")
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run the command on examples in the folder; gives exit code and both outputs."""
    monkeypatch.chdir(folder)

    def run(*arguments, data="x.npy"):
        code = main(["information", *map(str, arguments), "--data", data])
        return code, *capsys.readouterr()

    return run


def test_it_shows_the_report(run, models, x):
    code, out, _ = run("first.keras")
    assert code == 0
    assert out == f"first.keras: {report(models['first'], x)}\n"


def test_options_go_to_the_report(run, models, x):
    chosen = {"layers": ["b"], "neurons": 3, "bins": 7, "method": "bins", "edges": "neuron"}
    code, out, _ = run(
        "first.keras", "--layers", "b", "--neurons", 3, "--bins", 7, "--method", "bins",
        "--edges", "neuron", "--seed", 5, "--format", "json",
    )  # fmt: skip
    assert code == 0
    expected = report(models["first"], x, **chosen, seed=5).to_dict()
    assert json.loads(out) == [{"schema_version": 1, "file": "first.keras"} | expected]


def test_several_models_can_be_put_in_order(run, models, x):
    files = ("first.keras", "second.keras")
    reports = {f"{name}.keras": report(model, x) for name, model in models.items()}
    order = rank(reports, looking_for="memorization")
    code, out, _ = run(*files, "--looking-for", "memorization")
    assert code == 0
    assert out.endswith(f"\n\n{order}\n")
    assert out.count("Means in nats") == 2
    assert out.count(READING) == 1
    code, out, _ = run(*files, "--looking-for", "memorization", "--format", "json")
    found = json.loads(out)
    assert [model["file"] for model in found["models"]] == list(files)
    assert "Best is " in str(order)
    assert found["ranking"] == order.to_dict()


@pytest.mark.parametrize("files", [["first.keras"], ["first.keras"] * 2], ids=["one", "twice"])
def test_a_single_model_cannot_be_put_in_order(run, files):
    code, out, err = run(*files, "--looking-for", "shortcuts", data="gone.npy")
    assert (code, out) == (2, "")
    assert err == (
        "keras-benford: `--looking-for`: expected two models or more to put in order; received 1; "
        "name more, or leave it out\n"
    )


def test_an_order_that_cannot_be_told_is_null(run):
    files = ["first.keras", "gone.keras"]
    code, out, _ = run(*files, "--looking-for", "shortcuts", "--format", "json")
    found = json.loads(out)
    assert (code, found["schema_version"], found["ranking"]) == (1, 1, None)
    assert [model["file"] for model in found["models"]] == files


def test_what_keeps_figures_from_being_compared_is_in_the_result_and_nowhere_else(run, folder):
    wide = [keras.Input((6,)), layers.Dense(9, "relu"), layers.Dense(2)]
    keras.Sequential(wide).save(folder / "wide.keras")
    code, out, err = run("first.keras", "wide.keras", "--looking-for", "shortcuts")
    assert (code, err) == (0, "")
    said = " ".join(out.split())
    assert said.count("Only 68 examples: entropy and mutual information come out too low.") == 1
    assert "received first.keras (2 layers, 9 neurons), wide.keras (1 layer, 9 neurons); " in said


def test_the_defaults_and_choices_are_those_of_the_functions():
    arguments = options.parser().parse_args(["information", "m.keras", "--data", "x.npy"])
    parameters = inspect.signature(report).parameters
    assert {name: getattr(arguments, name) for name in OPTIONS} == {
        name: parameters[name].default for name in OPTIONS
    }
    for fault in ranking.LOOKING_FOR:
        options.parser().parse_args(["information", "m", "--data", "x", "--looking-for", fault])


def test_several_inputs_come_by_name(run, folder, x):
    inputs = {name: keras.Input((6,), name=name) for name in ("left", "right")}
    sides = [layers.Dense(3, "relu", name=f"on_{name}")(one) for name, one in inputs.items()]
    both = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()(sides)))
    both.save(folder / "both.keras")
    arrays = {"right": x[::-1], "left": x}
    np.savez(folder / "both.npz", **arrays)
    code, out, _ = run("both.keras", "--format", "json", data="both.npz")
    assert code == 0
    assert json.loads(out)[0]["layers"] == report(both, arrays).to_dict()["layers"]


class TestTrust:
    def test_hdf5_takes_it_and_the_help_says_why(self, run, models, x, capsys):
        code, out, err = run("first.h5")
        assert (code, out) == (2, "")
        assert "first.h5: Keras may run code from such a file (HDF5); pass --trust" in err
        code, out, _ = run("first.h5", "--trust")
        assert (code, out) == (0, f"first.h5: {report(models['first'], x)}\n")
        with pytest.raises(SystemExit):
            main(["information", "--help"])
        assert "older versions of Keras ignore safe mode" in capsys.readouterr().out

    def test_so_does_hdf5_under_another_name(self, run, folder):
        shutil.copy(folder / "first.h5", folder / "hidden.keras")
        code, out, err = run("hidden.keras")
        assert (code, out) == (2, "")
        assert "pass --trust" in err

    @pytest.mark.parametrize("trust", [[], ["--trust"]], ids=["", "trusted"])
    def test_code_in_a_keras_file_is_not_run(self, run, folder, trust):
        evil = layers.Lambda(lambda values: [open("ran", "w").close(), values][1])
        made = keras.Sequential([keras.Input((6,)), layers.Dense(3), evil, layers.Dense(2)])
        made.save(folder / "evil.keras")
        (folder / "ran").unlink(missing_ok=True)
        code, out, err = run("evil.keras", *trust)
        assert (code, out) == (2, "")
        assert err.startswith("keras-benford: evil.keras: Keras cannot load it (")
        assert err.count("\n") == 1
        assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("arguments", "data", "said"),
    [
        (["first.weights.h5"], "x.npy", "received its weights only (keras-weights); load"),
        (["gone.keras"], "x.npy", "gone.keras: No such file"),
        (["first.zip"], "x.npy", "first.zip: expected a zip file with a name that ends in .keras"),
        (["cut.keras"], "x.npy", "cut.keras: "),
        (["first.keras", "--layers", "c*"], "x.npy", "first.keras: `layers`: expected names of"),
        (["first.keras", "--plot", "x.gif"], "x.npy", "x.gif: expected a name that ends in .png"),
        (["first.keras"], "gone.npy", "gone.npy: there is no such file"),
        (["first.keras"], "first.keras", "first.keras: expected an array of numbers in a .npy"),
        (["first.keras"], "text.npy", "text.npy: expected an array of numbers in a .npy"),
        (["first.keras"], "pickled.npy", "pickled.npy: expected an array of numbers in a .npy"),
        (["first.keras"], "labels.npy", "first.keras: "),
        (["first.keras"], "three.npy", "first.keras: expected more than k = 3 examples"),
        (["first.keras"], "words.npy", "first.keras: `x`: expected examples of shape (None, 6)"),
        (["first.keras"], "complex.npy", "complex.npy: expected an array of numbers in a .npy"),
        (["first.keras"], "complex.npy", "received complex128 values; save real numbers"),
        (["first.keras"], "scalar.npy", "received a single value; save an array of examples"),
        (["first.keras"], "none.npy", "received an array without values, of shape (0, 6)"),
        (["first.keras"], "dates.npy", "received datetime64[D] values"),
        (["first.keras"], "x.csv", "received a file of another kind; convert it: np.save("),
        (["first.keras"], "x.pkl", "received a file of another kind"),
        (["first.keras"], "short.npy", "short.npy: expected an array of numbers in a .npy, or"),
        (["first.keras"], "pickled.npz", "received Python objects, which may hold code and are"),
        (["first.keras"], "no.npz", "received a file of another kind"),
        (["first.keras"], "lengths.npz", "lengths.npz: `x`: expected arrays of equally many"),
        (["first.keras"], "labels.npz", "first.keras: `x`: expected examples of shape"),
        (["first.keras"], ".", ".: cannot be read (Is a directory)"),
        (["first.keras", "--position", "0"], "wide.npy", "first.keras: `x`: expected examples of"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(run, folder, arguments, data, said):
    shutil.copy(folder / "first.keras", folder / "first.zip")
    (folder / "cut.keras").write_bytes((folder / "first.keras").read_bytes()[:1500])
    (folder / "text.npy").write_text("1, 2, 3")
    np.save(folder / "pickled.npy", np.array([{}], object), allow_pickle=True)
    np.save(folder / "labels.npy", np.arange(68))
    np.save(folder / "three.npy", np.zeros((3, 6), "float32"))
    write_odd_examples(folder)
    code, out, err = run(*arguments, data=data)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert len(err) < 600


def write_odd_examples(folder):
    """Files of examples that cannot be used."""
    x = np.zeros((68, 6))
    arrays = {
        "words": np.full((68, 6), "a"),
        "complex": x * 1j,
        "scalar": np.float64(3),
        "none": x[:0],
        "dates": np.zeros(68, "datetime64[D]"),
        "wide": np.zeros((68, 700)),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    np.savetxt(folder / "x.csv", x, delimiter=",")
    (folder / "x.pkl").write_bytes(pickle.dumps(x))
    (folder / "short.npy").write_bytes((folder / "wide.npy").read_bytes()[:5000])
    np.savez(folder / "pickled.npz", x=np.array([{}], object))
    (folder / "no.npz").write_bytes(b"PK\x05\x06" + bytes(18))
    np.savez(folder / "lengths.npz", a=x, b=x[:9])
    np.savez(folder / "labels.npz", x=x, y=x[:, 0])


@pytest.mark.parametrize("data", ["words.npy", "ids.npy"])
def test_an_error_of_the_backend_on_one_model_leaves_the_others_alone(run, folder, data):
    write_odd_examples(folder)
    np.save(folder / "ids.npy", np.full((68, 6), 99))
    embedding = [keras.Input((6,)), layers.Embedding(9, 2), layers.Flatten(), layers.Dense(3)]
    keras.Sequential([*embedding, layers.Dense(2)]).save(folder / "symbols.keras")
    code, out, err = run("symbols.keras", "first.keras", data=data)
    assert err.startswith("keras-benford: symbols.keras: ")
    if data == "ids.npy":
        assert (code, err.count("\n")) == (1, 1)
        assert out.startswith("first.keras: ")


def test_of_many_examples_a_part_is_looked_at_and_it_says_so(run, folder, models):
    many = np.random.default_rng(1).standard_normal((2100, 6)).astype("float32")
    np.save(folder / "many.npy", many)
    code, out, err = run("first.keras", "--method", "bins", data="many.npy")
    assert code == 0
    assert err == (
        "keras-benford: many.npy: 2,000 of 2,100 examples are looked at, drawn at random; pass "
        "--examples to say how many\n"
    )
    assert out == f"first.keras: {report(models['first'], many, examples=2000, method='bins')}\n"
    code, out, err = run("first.keras", "--method", "bins", "--examples", 50, data="many.npy")
    assert (code, err) == (0, "")
    assert "on 50 examples" in out


def test_missing_packages_are_told_before_any_file_is_read(run, monkeypatch):
    found = {"matplotlib": "found"}
    monkeypatch.setattr("importlib.util.find_spec", found.get)
    code, out, err = run("gone.keras", "--plot", "p.png")
    assert (code, out) == (2, "")
    assert err == "keras-benford: pictures take scikit-learn; run `pip install scikit-learn`\n"


def test_one_bad_file_does_not_stop_the_others(run, models, x):
    code, out, err = run("gone.keras", "first.keras", "--format", "json")
    assert code == 1
    gone, first = json.loads(out)
    assert gone["file"] == "gone.keras"
    assert f"keras-benford: {gone['error']}\n" == err
    assert first["mean_entropy"] == report(models["first"], x).mean_entropy


def test_results_go_into_a_file_and_a_picture(run, folder):
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    for files, name in ((["first.keras"], "one.png"), (["first.keras", "second.keras"], "two.svg")):
        code, out, _ = run(*files, "-o", "out.txt", "--plot", name)
        assert (code, out) == (0, "")
        assert (folder / "out.txt").read_text().count("mutual information") >= len(files)
        assert (folder / name).stat().st_size > 10_000


def test_a_file_that_is_both_zip_and_hdf5_is_not_loaded_as_hdf5(run, folder):
    """Keras goes by the suffix, and by what the end of a file says; we do not fall between."""
    both = folder / "polyglot.h5"
    shutil.copy(folder / "first.h5", both)
    with zipfile.ZipFile(both, "a") as archive:
        archive.writestr("config.json", "{}")
    code, out, err = run("polyglot.h5")
    assert (code, out) == (2, "")
    assert "--trust" in err
