import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest

from keras_benford import BENFORD, mlh
from keras_benford.context import mlh_spread

pytest.importorskip("matplotlib", reason="needs matplotlib")
integrate = pytest.importorskip("scipy.integrate", reason="needs SciPy")
optimize = pytest.importorskip("scipy.optimize")
special = pytest.importorskip("scipy.special")
stats = pytest.importorskip("scipy.stats")

from examples.experiments import command  # noqa: E402
from examples.paper import figure5  # noqa: E402

pytestmark = pytest.mark.slow
EACH = pytest.mark.parametrize("mu", figure5.MUS, ids=figure5.name)


def exponential_shares(beta):
    """Shares of the digits of exponential numbers, by the Fourier series of their mantissa.

    The characteristic function of ln(E) at t is gamma(1 + i t) beta^(-i t).
    """
    n = np.arange(1, 12)
    t = 2 * math.pi * n / math.log(10)
    coefficients = special.gamma(1 + 1j * t) * np.exp(-1j * t * math.log(beta))
    waves = np.exp(-2j * math.pi * n * np.log10(np.arange(1, 11))[:, None])
    terms = coefficients * (waves[:-1] - waves[1:]) / (2j * math.pi * n)
    return BENFORD + 2 * terms.real.sum(axis=1)


def exponential_mlh(log10_beta, law=BENFORD):
    return np.corrcoef(exponential_shares(10**log10_beta), law)[0, 1]


def test_boltzmann_gibbs_shares_are_those_of_a_fourier_series():
    betas = [0.1, 0.37, 1, 3.65, 6.87, 10]
    expected = [exponential_shares(beta) for beta in betas]
    np.testing.assert_allclose(figure5.digit_shares(betas, None), expected, atol=1e-13)


@pytest.mark.parametrize("mu", [0.0, 0.5])
@pytest.mark.parametrize("beta", [0.1, 0.9, 4.07, 10])
def test_fermi_dirac_shares_are_integrals_of_the_density(mu, beta):
    def between(low, high):
        return integrate.quad(lambda e: special.expit(-beta * (e - mu)), low, high)[0]

    decades = 10.0 ** np.arange(-8, 4)
    found = [sum(between(d * ten, (d + 1) * ten) for ten in decades) for d in range(1, 10)]
    shares = figure5.digit_shares([beta], mu)[0]
    np.testing.assert_allclose(shares, np.array(found) / between(0, mu + 50 / beta), atol=1e-7)
    assert shares.sum() == pytest.approx(1, abs=1e-14)


def test_golden_values_of_exponential_numbers():
    assert mlh(figure5.digit_shares([1, 2], None)) == pytest.approx([0.995139, 0.997674], abs=5e-7)


def test_far_below_the_chemical_potential_energies_are_uniform():
    # The golden value of Uniform(0, 0.5).
    assert mlh(figure5.digit_shares([1e6], 0.5)[0]) == pytest.approx(0.732435, abs=5e-6)


@pytest.mark.parametrize(
    ("law", "lowest"),
    [(BENFORD, 0.99170), (BENFORD.round(3), 0.99168)],
    ids=["exact law", "the authors' law of three decimals"],
)
def test_the_boltzmann_gibbs_curve_has_the_published_extremes(law, lowest):
    low = optimize.minimize_scalar(exponential_mlh, (0.5, 0.56, 0.6), args=(law,))
    high = optimize.minimize_scalar(lambda x: -exponential_mlh(x, law), (0.8, 0.83, 0.9))
    assert low.fun == pytest.approx(lowest, abs=5e-6)
    assert 10**low.x == pytest.approx(3.65, abs=0.01)
    assert -high.fun == pytest.approx(0.99872, abs=5e-6)
    assert 10**high.x == pytest.approx(6.87, abs=0.01)
    # There is none beyond these in the decade.
    decade = [exponential_mlh(x, law) for x in np.linspace(0, 1, 1001)]
    assert low.fun <= min(decade) < max(decade) <= -high.fun


def test_the_curve_that_is_drawn_has_the_same_extremes():
    betas = np.geomspace(1, 10, 2001)
    curve = mlh(figure5.digit_shares(betas, None))
    assert (curve.min(), curve.max()) == pytest.approx((0.99170, 0.99872), abs=5e-6)
    places = betas[curve.argmin()], betas[curve.argmax()]
    assert places == pytest.approx((3.65, 6.87), abs=0.015)


@pytest.mark.parametrize(("mu", "repeats"), [(None, True), (0.0, True), (0.5, False)])
def test_a_curve_repeats_in_each_decade_where_there_is_no_chemical_potential(mu, repeats):
    betas = np.geomspace(0.1, 1, 50)
    once, again = (mlh(figure5.digit_shares(b, mu)) for b in (betas, 10 * betas))
    assert (np.abs(once - again).max() < 1e-12) == repeats
    # And not more often.
    assert np.abs(once - mlh(figure5.digit_shares(betas * 10**0.5, mu))).max() > 1e-3


def test_the_period_is_measured():
    x = np.linspace(-1, 1, 2001)
    assert figure5.period(np.sin(2 * math.pi * x / 0.8)) == pytest.approx(0.8)
    for mu in (None, 0.0):
        curve = mlh(figure5.digit_shares(figure5.inverse_temperatures(2001), mu))
        assert figure5.period(curve) == pytest.approx(1)


@EACH
@pytest.mark.parametrize("beta", [0.1, 1, 10])
def test_energies_are_the_inverse_of_survival(mu, beta):
    u = np.array([1e-12, 0.001, 0.3, 0.5, 0.9, 0.999])
    energies = figure5.energies(u, beta, mu)
    assert (np.diff(energies) < 0).all()
    assert (energies > 0).all()
    np.testing.assert_allclose(figure5.survival(energies, beta, mu), u, rtol=1e-9)


@EACH
def test_sampled_digits_are_as_frequent_as_the_exact_shares_say(mu):
    betas = figure5.inverse_temperatures(60)
    counts = np.array([figure5.counts_at(mu, b, (1, i)) for i, b in enumerate(betas)])
    expected = figure5.SAMPLES * figure5.digit_shares(betas, mu)
    assert (counts.sum(axis=1) == figure5.SAMPLES).all()
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert 0.01 < stats.chi2.cdf(chi_squared, 8 * len(betas)) < 0.99


@EACH
def test_sampled_mlh_scatters_about_the_curve_as_context_says(mu):
    record = figure5.run({"mu": mu, "betas": 400, "seed": 0})
    shares = figure5.digit_shares(figure5.inverse_temperatures(400), mu)
    spread = np.array([mlh_spread(row * figure5.SAMPLES) for row in shares])
    apart = (np.array(record["mlh"]) - mlh(shares)) / spread
    assert apart.std() == pytest.approx(1, abs=4 / math.sqrt(2 * 400))
    # On average it lies below, by as much as with digits that NumPy draws.
    drawn = mlh(np.random.default_rng(0).multinomial(figure5.SAMPLES, shares, (200, 400)))
    lower = ((drawn.mean(axis=0) - mlh(shares)) / spread).mean()
    assert lower < 0
    assert apart.mean() == pytest.approx(lower, abs=4 / math.sqrt(400))


def test_samples_depend_on_the_seed_alone(monkeypatch):
    found = []
    for cores, seed in ((1, 0), (3, 0), (3, 1)):
        monkeypatch.setattr(figure5, "available_cores", lambda cores=cores: cores)
        found.append(figure5.run({"mu": 0.5, "betas": 20, "seed": seed})["mlh"])
    assert found[0] == found[1]
    assert not set(found[0]) & set(found[2])


@EACH
def test_the_polynomial_through_the_samples_can_follow_the_curve(mu):
    x = np.log(figure5.inverse_temperatures(2000))
    exact = mlh(figure5.digit_shares(np.exp(x), mu))
    smooth = np.polynomial.Chebyshev.fit(x, exact, figure5._DEGREE)(x)
    assert np.abs(smooth - exact).max() < 2e-5


def main(*arguments):
    """The exit code of the script."""
    with pytest.raises(SystemExit) as ended:
        figure5.main([*map(str, arguments)])
    return ended.value.code


def test_quick_samples_and_draws_into_a_folder(tmp_path, capsys):
    out = tmp_path / "new"
    assert main("--quick", "--out", out) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert command.QUICK in said.out
    lines = (out / "figure5.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [record["setting"]["mu"] for record in found] == [None, 0, 0.5]
    assert all(len(record["mlh"]) == 300 for record in found)
    assert found[0]["setting"] == {"mu": None, "betas": 300, "samples": 1 << 15, "seed": 0}
    assert {"python", "numpy", "cores"} <= set(found[0]["environment"])
    text = (out / "figure5.md").read_text(encoding="utf-8")
    assert "32,768 energies at each of 300\ninverse temperatures" in text
    assert re.search(r"Boltzmann-Gibbs: minimum \| 0\.9917. at β 3\.6. \| 0\.9916. at β 3\.6", text)
    assert text.count("| period | ") == text.count("| scatter | ") == 3
    assert (out / "figure5.png").stat().st_size > 50_000
    # The picture and the table come from what is recorded.
    (out / "figure5.png").unlink()
    assert main("--draw", "--quick", "--out", out) == 0
    assert capsys.readouterr().out == said.out
    assert (out / "figure5.png").exists()
    assert (out / "figure5.jsonl").read_text().splitlines() == lines


@EACH
def test_the_recorded_samples_are_those_of_the_code(mu):
    path = command.results("paper") / "figure5.jsonl"
    lines = map(json.loads, path.read_text().splitlines())
    (record,) = (line for line in lines if line["setting"]["mu"] == mu)
    seed, betas = record["setting"]["seed"], figure5.inverse_temperatures(10_000)
    for i in (0, 5_000, 9_999):
        counts = figure5.counts_at(mu, betas[i], (seed, figure5.MUS.index(mu), i))
        # To the fifth decimal, and an energy or two where logarithms round differently.
        assert record["mlh"][i] == pytest.approx(mlh(counts), abs=2e-5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seed", "-1"], "--seed: expected an integer from 0 to 2^32 - 1; received -1"),
        (["--seed", "x"], "--seed: expected an integer from 0 to 2^32 - 1; received x"),
        (["--seeds", "x"], "unrecognized arguments: --seeds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_arguments_that_make_no_sense_end_in_one_line(arguments, said, tmp_path, capsys):
    assert main(*arguments, "--quick", "--out", tmp_path) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_damaged_record_and_a_folder_that_cannot_be_made_end_in_one_line(tmp_path, capsys):
    (tmp_path / "figure5.jsonl").write_text('{"setting": ')
    for arguments in (
        ["--draw", "--out", str(tmp_path)],
        ["--out", str(tmp_path / "figure5.jsonl")],
    ):
        assert main(*arguments, "--quick") == 2
        assert "figure5.jsonl" in capsys.readouterr().err.splitlines()[-1]


def test_neither_keras_nor_matplotlib_is_loaded_to_sample():
    code = (
        "import sys; from examples.paper import figure5; "
        "figure5.run({'mu': 0.0, 'betas': 3, 'seed': 0}); "
        "print({'keras', 'tensorflow', 'jax', 'torch', 'matplotlib'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ended.stdout.strip(), ended.stderr) == ("set()", "")
