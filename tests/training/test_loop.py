"""One epoch, one evaluation."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from autode.training.data import Split
from autode.training.loop import Inputs, Learner, batch_bounds, evaluate, train_epoch
from autode.training.models import freeze, make_model
from autode.training.optimizers import make_optimizer
from autode.training.settings import hyperparameters, resolve

CPU = torch.device("cpu")
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def split(count=24, channels=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, channels, 32, 32), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(count) % 10)


def learner(values, seed=0):
    model = make_model("resnet18", "embedded", 0.25, 10, seed)
    frozen = freeze(model, "resnet18", values.freeze_depth)
    optimizer = make_optimizer(model, values.optimizer, values.lr, values.weight_decay, values.momentum)
    return Learner(model, frozen, optimizer, Inputs(32, *HALF, CPU), flips=False)


def values(**given):
    return hyperparameters(resolve({"batch_size": 8, "epochs": 1}), given)


@given(samples=st.integers(2, 300), batch_size=st.integers(2, 300))
def test_batches_cover_all_images_but_a_last_single_one(samples, batch_size):
    bounds = batch_bounds(samples, batch_size)
    sizes = [end - start for start, end in bounds]
    assert min(sizes) >= 2
    assert max(sizes) <= batch_size
    assert sum(sizes) == samples - (samples % batch_size == 1)
    assert [start for start, _ in bounds[1:]] == [end for _, end in bounds[:-1]]


@pytest.mark.parametrize("channels", [1, 3])
def test_inputs_are_normalised_in_three_channels(channels):
    images = split(4, channels).images
    inputs = Inputs(32, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), CPU)(images)
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(inputs, (images.expand(-1, 3, -1, -1) / 255 - mean) / std, atol=1e-5, rtol=1e-5)
    assert inputs.is_contiguous(memory_format=torch.channels_last)


def test_inputs_are_resized_on_the_way():
    images = split(4).images
    enlarged = Inputs(64, *HALF, CPU)(images)
    expected = functional.interpolate(images / 255, size=64, mode="bilinear", align_corners=False) * 2 - 1
    torch.testing.assert_close(enlarged, expected.expand(-1, 3, -1, -1), atol=1e-5, rtol=1e-5)


def test_training_lowers_the_loss():
    chosen, data = values(lr=0.05, epochs=3, augmentation=0.0), split()
    subject = learner(chosen)
    losses = [train_epoch(subject, data, chosen, epoch, seed=1) for epoch in (1, 2, 3)]
    assert losses[2] < losses[0]


def test_an_epoch_depends_on_seed_and_number_alone():
    chosen, data = values(), split()

    def loss(epoch, seed):
        torch.manual_seed(epoch + seed)  # the global generator plays no part
        return train_epoch(learner(chosen), data, chosen, epoch, seed)

    assert loss(1, 5) == loss(1, 5)
    assert loss(1, 5) != loss(1, 6)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_frozen_parts_keep_weights_and_statistics(optimizer):
    chosen = values(freeze_depth=3, optimizer=optimizer)
    subject = learner(chosen)
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    train_epoch(subject, split(), chosen, 1, seed=0)
    changed = {
        name.split(".")[0] for name, value in subject.model.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"layer3", "layer4", "fc"}


def test_a_last_batch_of_one_image_is_skipped():
    chosen = values()
    assert math.isfinite(train_epoch(learner(chosen), split(17), chosen, 1, seed=0))


def test_divergence_is_an_error_at_once():
    chosen = values(lr=100.0, momentum=0.99, epochs=50)
    subject = learner(chosen)
    with pytest.raises(FloatingPointError, match=r"training diverged: the loss is (nan|inf) in epoch \d+"):
        for epoch in range(1, 51):
            train_epoch(subject, split(), chosen, epoch, seed=0)


class Constant(nn.Module):
    """Always prefers class 3."""

    def forward(self, images):
        return functional.one_hot(torch.full((len(images),), 3), 10).float()


def test_evaluation_is_mean_cross_entropy_and_share_of_errors():
    subject = Learner(Constant(), [], torch.optim.SGD([torch.zeros(1)]), Inputs(32, *HALF, CPU), flips=False)
    data = split(1030)  # more than two evaluation batches
    loss, error = evaluate(subject, data)
    assert error == pytest.approx(1 - 103 / 1030)
    log_sum = math.log(math.e + 9)
    assert loss == pytest.approx(log_sum - 0.1, rel=1e-5)


def test_a_diverged_network_has_no_validation_result():
    subject = learner(values())
    with torch.no_grad():
        subject.model.fc.bias.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="the loss is nan on held-out images"):
        evaluate(subject, split())


def test_evaluation_changes_nothing():
    subject = learner(values())
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    assert evaluate(subject, split()) == evaluate(subject, split())
    assert all(torch.equal(value, before[name]) for name, value in subject.model.state_dict().items())
