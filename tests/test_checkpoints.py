"""Checkpoints of TensorFlow 1, and how what their optimizers keep is told from weights."""

import numpy as np
import pytest

import keras_benford as kb
from keras_benford.weights import open_model
from keras_benford.weights.checkpoints import slots_among
from tests import oracle
from tests.backends import needs_tensorflow

KERNEL, BIAS = "encoder/dense/kernel", "encoder/dense/bias"
WEIGHTS = {KERNEL: (8, 6), BIAS: (6,), "stem/kernel": (3, 3, 2, 4)}


def slots_of(*names, shape=None, scope="", owners=(KERNEL, BIAS)):
    return {f"{scope}{o}/{name}": shape or WEIGHTS[o] for o in owners for name in names}


SLOTS = {
    "Adam": slots_of("Adam", "Adam_1"),
    "of BERT": slots_of("adam_m", "adam_v"),
    "AdamW": slots_of("AdamWeightDecay", "AdamWeightDecay_1"),
    "LAMB": slots_of("lamb_m", "lamb_v"),
    "of one's own": slots_of("my_state", owners=[KERNEL]),
    "in a scope": slots_of("Adam", "Adam_1", scope="OptimizeLoss/"),
    # Rows and columns of a matrix; of a vector the whole.
    "Adafactor": {
        f"{BIAS}/Adafactor": (6,),
        f"{KERNEL}/Adafactor": (8,),
        f"{KERNEL}/Adafactor_1": (6,),
        "stem/kernel/Adafactor": (3, 3, 2),
        "stem/kernel/Adafactor_1": (3, 3, 4),
    },
    "Mesh TensorFlow": {
        f"{BIAS}_slot_v": (6,),
        f"{KERNEL}_slot_m": (8, 6),
        f"{KERNEL}_slot_v": (8, 6),
    },
}
# Nothing here is a slot, whatever stands in the scope of what.
NO_SLOTS = {
    "another shape": {KERNEL: (8, 6), f"{KERNEL}/projection": (6, 8)},
    "a layer in a scope called as a variable": {
        "block": (8, 8),
        "block/kernel": (8, 8),
        "block/bias": (8,),
        "block/gamma": (8, 8),
    },
    "no such variable": {"block/w/v": (8, 8), "other/w": (8, 8)},
    "beside": {"block/w": (8, 8), "block/w_v": (8, 8)},
    "empty": {},
}


@pytest.mark.parametrize("slots", SLOTS.values(), ids=SLOTS)
def test_slots_are_told_by_the_variable_whose_state_they_are(slots):
    assert slots_among(WEIGHTS | slots) == set(slots)
    # In whatever order.
    assert slots_among(slots | WEIGHTS) == set(slots)


@pytest.mark.parametrize("shapes", NO_SLOTS.values(), ids=NO_SLOTS)
def test_what_is_no_state_of_a_variable_is_no_slot(shapes):
    assert slots_among(shapes) == set()


def test_a_variable_in_the_scope_of_another_is_a_weight_where_it_is_trained_itself():
    shapes = {name: (8, 8) for name in ("a", "a/b", "a/b/Adam", "a/b/Adam_1", "a/Adam", "a/Adam_1")}
    assert slots_among(shapes) == {name for name in shapes if "Adam" in name}


def test_names_of_any_length_take_no_time():
    names = ("a/" * 100_000 + "b", "a\nb/c", "", "/", "_slot_")
    assert slots_among(dict.fromkeys(names, (8, 8))) <= {"/", "_slot_"}


@pytest.fixture
def scored(tmp_path):
    def scored(shapes):
        import tensorflow as tf

        rng = np.random.default_rng(0)
        values = {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}
        prefix = str(tmp_path / "model.ckpt")
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=list(values),
            shape_and_slices=[""] * len(values),
            tensors=list(values.values()),
        )
        return kb.score(prefix), values, prefix

    return scored


@pytest.mark.slow
@needs_tensorflow
class TestOfTensorFlow1:
    def test_only_the_weights_count_and_state_is_listed_by_its_kind(self, scored):
        state = {"beta1_power": (), "OptimizeLoss/beta2_power": (), "global_step": ()}
        state |= {"loss_scale/good_steps": (), "loss_scale/current_loss_scale": ()}
        score, values, prefix = scored(WEIGHTS | SLOTS["of BERT"] | SLOTS["Adafactor"] | state)
        expected = sum(oracle.tally(values[name])[:9] for name in (KERNEL, "stem/kernel"))
        assert score.counts.tolist() == expected.tolist()
        assert {part.path for part in score.skipped} == {BIAS}
        assert not any(part.guessed for part in (*score.layers, *score.skipped))
        kinds = {array.path: array.kind for array in open_model(prefix).arrays}
        assert {path for path, kind in kinds.items() if kind == "optimizer"} == {
            *SLOTS["of BERT"],
            *SLOTS["Adafactor"],
            *state,
        }

    def test_averages_beside_their_weights_are_listed_and_can_be_asked_for(self, scored):
        average = "ExponentialMovingAverage"
        score, values, prefix = scored(WEIGHTS | slots_of(average))
        assert {layer.path for layer in score.layers} == {KERNEL, "stem/kernel"}
        reasons = {part.path: part.reason for part in score.skipped}
        assert reasons[f"{KERNEL}/{average}"] == "a moving average of another weight"
        averaged = kb.score(prefix, include=f"*kernel/{average}")
        expected = oracle.tally(values[f"{KERNEL}/{average}"])[:9].tolist()
        assert averaged.counts.tolist() == expected

    def test_averages_in_their_weights_place_are_the_weights(self, scored):
        score, _, _ = scored(slots_of("ExponentialMovingAverage"))
        assert [layer.path for layer in score.layers] == [f"{KERNEL}/ExponentialMovingAverage"]
        assert [(part.reason, part.guessed) for part in score.skipped] == [
            ("a bias: starts from a constant", False)
        ]


@needs_tensorflow
def test_the_texts_of_objects_are_no_weights(tmp_path):
    import tensorflow as tf

    class Described(tf.Module):
        def _serialize_to_tensors(self):
            return {"OBJECT_CONFIG_JSON": tf.constant("{}")}

    module = tf.Module()
    module.inner = Described()
    module.kernel = tf.Variable(np.ones((3, 3), "float32"), name="dense/kernel")
    prefix = tf.train.Checkpoint(model=module).write(str(tmp_path / "a"))
    keys = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    assert any(key.endswith("/.ATTRIBUTES/OBJECT_CONFIG_JSON") for key in keys)
    assert [array.path for array in open_model(prefix).arrays] == ["dense/kernel"]
