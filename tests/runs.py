"""A run for the tests of the runner, which looks it up by its name in a process of its own."""


def run(setting):
    if setting["x"] == 13:
        raise ValueError("unlucky\nnumber")
    return {"double": 2 * setting["x"]}
