"""Train the tasks, once for each seed and share held out, and record what rules are judged by.

    python -m examples.stopping.packages             # fetch the data, once
    python -m examples.stopping.record --jobs 2      # the development half
    python -m examples.stopping.record --noise       # how much noise makes a stand-in
    python -m examples.stopping.record --held-back   # the other half, when the rules are frozen
    python -m examples.stopping.record --added-later # text, and trainings as of two rivals

What is recorded already is not trained again.
"""

from examples.experiments import command
from examples.stopping import tasks
from examples.stopping.catalogue import CANARY_SHARE

SHARES = (0.0, 0.1, 0.2)
"""Of the labels that are held out."""
_QUICK = ("digits-300",)
_NOISE, _OF_SYMBOLS = (0.1, 0.25, 1.0, 2.0), (0.1, 0.5)


def stages(args):
    names = [name for name, task in tasks.TASKS.items() if task.half == args.half]
    if unknown := set(args.only or ()) - set(names):
        raise ValueError(
            f"--only: expected tasks that are {args.half}; received {', '.join(unknown)}"
        )
    made = settings([n for n in names if not args.only or n in args.only], args.seeds)
    if args.noise:
        whole = [each for each in made if not each["held_out"]]
        text = {name for name in names if tasks.TASKS[name].family == "text"}
        made = [e | {"noise": _OF_SYMBOLS if e["task"] in text else _NOISE} for e in whole]
    if args.quick:
        made = [
            each | {"epochs": 3, "n": 120} for each in settings(_QUICK, 1) if each["held_out"] < 0.2
        ]
    name = "noise" if args.noise else args.half.replace(" ", "_")
    return [(args.out / f"{name}.jsonl", "examples.stopping.trajectory:train", made)]


def settings(names, seeds):
    """The trainings of tasks: all on the first seed before those on the second."""
    of_labels = [{"held_out": share} for share in SHARES]
    of_classes = [*of_labels, {"held_out": CANARY_SHARE, "canaries": True}]
    return [
        {"task": name, "seed": seed} | labels
        for seed in range(seeds)
        for name in names
        for labels in (of_classes if tasks.TASKS[name].classes else of_labels)
    ]


def main(argv=None):
    """Make the trainings that are missing."""
    parser = command.arguments("examples.stopping.record", __doc__, seeds=3)
    for half in (tasks.HELD_BACK, tasks.ADDED):
        name = f"--{half.replace(' ', '-')}"
        help_text = f"the tasks that are {half}"
        parser.add_argument(name, action="store_const", dest="half", const=half, help=help_text)
    parser.set_defaults(half=tasks.DEVELOPMENT)
    parser.add_argument("--noise", action="store_true", help="stand-ins with other noise, alone")
    parser.add_argument("--only", nargs="+", metavar="TASK", help="these tasks")
    command.run_and_draw(parser, stages, argv=argv)


if __name__ == "__main__":
    main()
