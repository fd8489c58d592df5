"""Figure 5, top: MLH of the energies of a system in thermal equilibrium, by inverse temperature.

At each of 10,000 inverse temperatures beta from 0.1 to 10, evenly spaced in log(beta), 2^15
energies E > 0 are drawn and their leading digits counted, for three distributions:

    Boltzmann-Gibbs         density proportional to exp(-beta E): E = -ln(U) / beta
    Fermi-Dirac, mu = 0     density proportional to 1 / (exp(beta (E - mu)) + 1)
    Fermi-Dirac, mu = 0.5   the same; mu is the chemical potential

U is uniform in (0, 1), and Fermi-Dirac energies are drawn by their inverse distribution function,
too. The density of states is constant. Energies have no unit here; mu is in that of E, beta in its
inverse. Over the samples are drawn the exact curves, of infinitely many energies.

    python -m examples.paper.figure5              # seconds
    python -m examples.paper.figure5 --draw       # the picture and the table from what is recorded
    python -m examples.paper.figure5 --quick      # 300 inverse temperatures, into runs/paper

Source: arXiv 2102.03313, Fig. 5; Shao and Ma, "The significant digit law in statistical physics",
arXiv 1005.0660, on the digits of both distributions.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np

from examples.experiments import command
from keras_benford import BENFORD, digit_counts, mlh
from keras_benford._machine import available_cores
from keras_benford.context import mlh_spread

MUS = (None, 0.0, 0.5)
"""Chemical potentials: None is Boltzmann-Gibbs, a number Fermi-Dirac."""
BETAS = 0.1, 10.0
SAMPLES = 1 << 15

# From 1e-17 to 1e5: with beta in `BETAS`, less than one energy in 1e15 lies outside.
_EDGES = np.arange(1, 11) * 10.0 ** np.arange(-17, 5)[:, None]
# Of the polynomial in log(beta) through the samples' MLH: it follows the exact curves within 2e-5.
_DEGREE = 32


def stages(args):
    betas = 300 if args.quick else 10_000
    made = [{"mu": mu, "betas": betas, "samples": SAMPLES, "seed": args.seed} for mu in MUS]
    return [(args.out / "figure5.jsonl", "examples.paper.figure5:run", made)]


def run(setting):
    """Sample one distribution, in threads.

    Args:
        setting: a dict of `mu`, one of `MUS`, `betas`, how many there are, and the `seed` of the
            random numbers; the number of threads changes nothing.

    Returns:
        A dict: `mlh` at each beta to five decimals.
    """
    mu, betas = setting["mu"], setting["betas"]
    with ThreadPoolExecutor(available_cores()) as pool:
        seeds = ((setting["seed"], MUS.index(mu), i) for i in range(betas))
        counts = pool.map(counts_at, repeat(mu), inverse_temperatures(betas), seeds)
        return {"mlh": mlh(list(counts)).round(5).tolist()}


def counts_at(mu, beta, seed):
    """Digit counts of `SAMPLES` energies at one inverse temperature: `(9,)` int64.

    They are float64, and the digits those of the numbers that these hold. float32 is hardly faster
    (the random numbers take the time), and its U has 24 bits: the low energies would lie on a grid.
    """
    # In (0, 1], so that no logarithm is infinite.
    u = 1.0 - np.random.default_rng(seed).random(SAMPLES)
    return digit_counts(energies(u, beta, mu))


def energies(u, beta, mu):
    """The energies beyond which a share `u` lies, the inverse of `survival`: arrays broadcast."""
    if mu is None:
        return -np.log(u) / beta
    return mu - np.log(np.expm1(u * np.logaddexp(0.0, beta * mu))) / beta


def survival(energy, beta, mu):
    """The share of energies beyond `energy`, 0 or above: arrays broadcast.

    `exp(-beta E)`, and for Fermi-Dirac `ln(1 + exp(-beta (E - mu))) / ln(1 + exp(beta mu))`.
    """
    if mu is None:
        return np.exp(-beta * energy)
    return np.logaddexp(0.0, -beta * (energy - mu)) / np.logaddexp(0.0, beta * mu)


def digit_shares(betas, mu):
    """The exact probabilities of the leading digits: `(n,)` betas to `(n, 9)`.

    Digit d has the energies from d 10^k to (d + 1) 10^k, summed over the decades k.
    """
    beyond = survival(_EDGES, np.asarray(betas, np.float64)[:, None, None], mu)
    return -np.diff(beyond, axis=-1).sum(axis=1)


def inverse_temperatures(n):
    """`(n,)` inverse temperatures from 0.1 to 10, evenly spaced in their logarithm."""
    return np.geomspace(*BETAS, n)


def name(mu):
    """What to call a distribution."""
    return "Boltzmann-Gibbs" if mu is None else f"Fermi-Dirac, μ = {mu:g}"


def period(curve):
    """The shift at which a curve agrees best with itself, in decades.

    Args:
        curve: `(n,)` values over evenly spaced log(beta), two decades in all.

    Returns:
        From half a decade to one and a half: the shift of least mean squared difference.
    """
    steps = (len(curve) - 1) / 2
    shifts = np.arange(round(0.5 * steps), round(1.5 * steps) + 1)
    apart = [np.mean((curve[shift:] - curve[:-shift]) ** 2) for shift in shifts]
    return shifts[np.argmin(apart)] / steps


def draw(found, picture):
    """Draw records of `run` as a picture, and give the table in Markdown."""
    exact = [_exact(record["setting"]) for record in found]
    _picture(found, exact, picture)
    setting, environment = found[0]["setting"], found[0]["environment"]
    samples, betas = f"{setting['samples']:,}", f"{setting['betas']:,}"
    seconds = sum(record["seconds"] for record in found)
    header = ["", "exact", "exact, law of 3 decimals", "sampled"]
    rows = [row for record, of in zip(found, exact, strict=True) for row in _rows(record, *of)]
    return f"""# Figure 5, top: MLH of energies

`python -m examples.paper.figure5`, seed {setting["seed"]}: {samples} energies at each of {betas}
inverse temperatures β from 0.1 to 10, {len(found)} distributions; {seconds:.0f} seconds on
{environment["cores"]} cores.

{command.markdown(header, rows)}

Extremes of a periodic curve are those in 1 ≤ β ≤ 10. The sampled ones, and the sampled period, are
those of a polynomial of degree {_DEGREE} in log β through the samples' MLH.

*Deviation* and *scatter* are the mean and the standard deviation of the samples' MLH about the
exact curve. The scatter under *exact* is what `keras_benford.context.mlh_spread` gives for the
exact shares and {samples} values. The deviation is no error: noise in the shares lowers a
correlation that is near 1.

The authors' code rounds Benford's law to three decimals; the last column but one does so, too.

For Boltzmann-Gibbs, and at μ = 0, β only sets the unit of energy, so that the curve repeats in each
decade. With μ > 0 it does not: as β rises, the energies fill the range from 0 to μ evenly.
"""


def _exact(setting):
    """Of a setting: the shares of the digits, and the spread of MLH at every so many betas."""
    shares = digit_shares(inverse_temperatures(setting["betas"]), setting["mu"])
    return shares, np.array([mlh_spread(row * setting["samples"]) for row in shares[_few(shares)]])


def _few(values):
    """A slice that leaves about 500 of them, enough for a smooth curve."""
    return slice(None, None, max(1, len(values) // 500))


def _rows(record, shares, spread):
    mu, found = record["setting"]["mu"], np.array(record["mlh"])
    betas, exact = inverse_temperatures(len(found)), mlh(shares)
    rounded = np.array([np.corrcoef(row, BENFORD.round(3))[0, 1] for row in shares])
    smooth = np.polynomial.Chebyshev.fit(np.log(betas), found, _DEGREE)(np.log(betas))
    curves = exact, rounded, smooth
    # No energy but 1 / beta to measure by: ten times beta gives the same digits.
    periodic = mu is None or mu == 0
    first = np.searchsorted(betas, 1.0) if periodic else 0
    for what, best in (("minimum", np.argmin), ("maximum", np.argmax)):
        at = [first + best(curve[first:]) for curve in curves]
        places = [f"{c[i]:.5f} at β {betas[i]:.2f}" for c, i in zip(curves, at, strict=True)]
        yield [f"{name(mu)}: {what}", *places]
    periods = [f"{period(c):.2f} decades" if periodic else "none" for c in curves]
    yield ["period", *periods]
    apart = found - exact
    yield ["deviation", "", "", f"{apart.mean():.5f}"]
    yield ["scatter", f"{np.sqrt(np.mean(spread**2)):.5f}", "", f"{apart.std():.5f}"]


def _picture(found, exact, path):
    # Here, so that sampling does not load matplotlib.
    from examples.experiments import pictures
    from keras_benford.plots.looks import COLORS

    figure, axes = pictures.new(9, len(found), sharex=True)
    for ax, record, (shares, spread) in zip(axes, found, exact, strict=True):
        mu, betas = record["setting"]["mu"], inverse_temperatures(len(shares))
        few, curve = betas[_few(betas)], mlh(shares[_few(shares)])
        dot = f"{record['setting']['samples']:,} sampled energies a dot"
        ax.plot(betas, record["mlh"], ".", color=COLORS[2], markersize=1.5, label=dot)
        ax.plot(few, curve, color="black", label="exact")
        for sign, label in ((-2, "exact ± 2 SD of sampling"), (2, None)):
            ax.plot(few, curve + sign * spread, "--", color="black", linewidth=0.8, label=label)
        density = "exp(-βE)" if mu is None else "1 / (exp(β(E - μ)) + 1)"
        ax.set_title(f"{name(mu)}: density ∝ {density}, E > 0", loc="left", fontsize=10)
        ax.set_ylabel("MLH")
        ax.grid(alpha=0.3)
    ax.set_xscale("log")
    ax.set_xlim(*BETAS)
    ax.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("inverse temperature β (1 / unit of energy)")
    legend = {"loc": "outside upper left", "ncols": 3, "frameon": False, "markerscale": 6}
    figure.legend(*ax.get_legend_handles_labels(), **legend)
    pictures.save(figure, path)


def main(argv=None):
    parser = command.arguments("examples.paper.figure5", __doc__)
    parser.add_argument("--seed", type=command.seed, default=0, help="of the samples (default: 0)")
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
