"""The parameter counts that Keras 3.15.1 states, all and trainable."""

import numpy as np
import pytest

from pyframe import applications
from pyframe.models import Model

COUNTS = {
    "Xception": (22_910_480, 22_855_952),
    "VGG16": (138_357_544, 138_357_544),
    "VGG19": (143_667_240, 143_667_240),
    "ResNet50": (25_636_712, 25_583_592),
    "ResNet101": (44_707_176, 44_601_832),
    "ResNet152": (60_419_944, 60_268_520),
    "ResNet50V2": (25_613_800, 25_568_360),
    "ResNet101V2": (44_675_560, 44_577_896),
    "ResNet152V2": (60_380_648, 60_236_904),
    "InceptionV3": (23_851_784, 23_817_352),
    "InceptionResNetV2": (55_873_736, 55_813_192),
    "MobileNet": (4_253_864, 4_231_976),
    "MobileNetV2": (3_538_984, 3_504_872),
    "DenseNet121": (8_062_504, 7_978_856),
    "DenseNet169": (14_307_880, 14_149_480),
    "DenseNet201": (20_242_984, 20_013_928),
    "NASNetMobile": (5_326_716, 5_289_978),
    "NASNetLarge": (88_949_818, 88_753_150),
    "EfficientNetB0": (5_330_571, 5_288_548),
    "EfficientNetB1": (7_856_239, 7_794_184),
    "EfficientNetB2": (9_177_569, 9_109_994),
    "EfficientNetB3": (12_320_535, 12_233_232),
    "EfficientNetB4": (19_466_823, 19_341_616),
    "EfficientNetB5": (30_562_527, 30_389_784),
    "EfficientNetB6": (43_265_143, 43_040_704),
    "EfficientNetB7": (66_658_687, 66_347_960),
    "MobileNetV3Small": (2_554_968, 2_542_856),
    "MobileNetV3Large": (5_507_432, 5_483_032),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters(name: str) -> None:
    model = getattr(applications, name)(weights=None)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert (model.count_params(), trainable) == COUNTS[name]
    assert model.output_shape == (None, 1000)


def test_every_architecture_is_here() -> None:
    functions = {name for name in applications.__all__ if name[0].isupper()}
    assert functions == set(COUNTS)


@pytest.mark.parametrize(
    "name, arguments, count",
    [
        # As Keras 3.15.1 counts them.
        ("MobileNet", {"alpha": 0.5, "depth_multiplier": 2}, 2_159_672),
        ("MobileNetV2", {"alpha": 0.35}, 1_691_208),
        ("MobileNetV2", {"alpha": 1.4}, 6_156_712),
        ("MobileNetV3Small", {"alpha": 0.75}, 2_051_552),
        ("MobileNetV3Large", {"minimalistic": True}, 3_948_688),
        ("MobileNetV3Large", {"alpha": 1.25, "include_top": False}, 4_764_160),
    ],
)
def test_sizes_of_the_mobile_networks(name: str, arguments: dict[str, float], count: int) -> None:
    model: Model = getattr(applications, name)(weights=None, **arguments)
    assert model.count_params() == count
