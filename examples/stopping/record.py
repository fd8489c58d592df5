"""Train the tasks, once for each seed and share held out, and record what rules are judged by.

    python -m examples.stopping.packages             # fetch the data, once
    python -m examples.stopping.record --jobs 2      # the development half
    python -m examples.stopping.record --noise       # how much noise makes a stand-in
    python -m examples.stopping.record --held-back   # the other half, when the rules are frozen

What is recorded already is not trained again.
"""

from examples.experiments import command
from examples.stopping import tasks

SHARES = (0.0, 0.1, 0.2)
"""Of the labels that are held out."""
_QUICK = ("digits-300",)
_NOISE = (0.1, 0.25, 1.0, 2.0)


def stages(args):
    half = tasks.HELD_BACK if args.held_back else tasks.DEVELOPMENT
    names = [name for name, task in tasks.TASKS.items() if task.half == half]
    if unknown := set(args.only or ()) - set(names):
        raise ValueError(f"--only: expected tasks that are {half}; received {', '.join(unknown)}")
    made = settings([n for n in names if not args.only or n in args.only], args.seeds)
    if args.noise:
        made = [each | {"noise": _NOISE} for each in made if not each["held_out"]]
    if args.quick:
        made = [
            each | {"epochs": 3, "n": 120} for each in settings(_QUICK, 1) if each["held_out"] < 0.2
        ]
    name = "noise" if args.noise else half.replace(" ", "_")
    return [(args.out / f"{name}.jsonl", "examples.stopping.trajectory:train", made)]


def settings(names, seeds):
    """The trainings of tasks: all on the first seed before those on the second."""
    return [
        {"task": name, "seed": seed, "held_out": share}
        for seed in range(seeds)
        for name in names
        for share in SHARES
    ]


def main(argv=None):
    """Make the trainings that are missing."""
    parser = command.arguments("examples.stopping.record", __doc__, seeds=3)
    parser.add_argument("--held-back", action="store_true", help="the tasks that are held back")
    parser.add_argument("--noise", action="store_true", help="stand-ins with other noise, alone")
    parser.add_argument("--only", nargs="+", metavar="TASK", help="these tasks")
    command.run_and_draw(parser, stages, argv=argv)


if __name__ == "__main__":
    main()
