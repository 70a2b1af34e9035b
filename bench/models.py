"""The models of the workloads in Keras's API: `k` is the module keras or pyframe."""

from typing import Any

from bench.workloads import Workload


def mlp_slide(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(100,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(100, activation="relu"),
        layers.Dense(101, activation="softmax"),
    ])  # fmt: skip


def lenet_slide(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(28, 28, 1)),
        layers.Conv2D(6, (5, 5), padding="same", activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(6, (5, 5), activation="relu", kernel_regularizer=k.regularizers.l2(0.01)),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dense(120, activation="relu"),
        layers.Dense(10, activation="softmax", kernel_regularizer=k.regularizers.l1(0.01)),
    ])  # fmt: skip


def autoencoder(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(784,)),
        layers.Dense(128, activation="relu"),
        layers.Dense(32, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(784, activation="sigmoid"),
    ])  # fmt: skip


def mnist_convnet(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(28, 28, 1)),
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def digits(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(64,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def lstm(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(100, 32)),
        layers.LSTM(128),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


_BUILDERS = {
    f.__name__: f for f in (mlp_slide, lenet_slide, autoencoder, mnist_convnet, digits, lstm)
}


def cifar_vggbn(k: Any) -> Any:
    layers = k.layers
    model = k.models.Sequential([layers.Input(shape=(32, 32, 3))])
    for filters in (32, 64, 128):
        for _ in range(2):
            model.add(layers.Conv2D(filters, 3, padding="same"))
            model.add(layers.BatchNormalization())
            model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def vgg16_transfer(k: Any, shape: tuple[int, ...], frozen: bool) -> Any:
    base = k.applications.VGG16(weights=None, include_top=False, input_shape=shape)
    base.trainable = not frozen
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=shape),
        base,
        layers.Flatten(),
        layers.Dense(100, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def large(k: Any, workload: Workload) -> Any:
    shape, classes = workload.input_shape, workload.classes
    match workload.model:
        case "cifar_vggbn":
            return cifar_vggbn(k)
        case "vgg16_features":
            return k.applications.VGG16(weights=None, include_top=False, input_shape=shape)
        case "vgg16_transfer" | "vgg16_frozen":
            return vgg16_transfer(k, shape, workload.model == "vgg16_frozen")
        case "vgg16":
            return k.applications.VGG16(weights=None)
        case "resnet50" | "resnet50_small":
            return k.applications.ResNet50(weights=None, input_shape=shape, classes=classes)
        case _:
            return k.applications.MobileNet(weights=None, input_shape=shape, classes=classes)


def build(k: Any, workload: Workload) -> Any:
    if workload.group == "large":
        return large(k, workload)
    return _BUILDERS[workload.model](k)


def optimizer_and_loss(workload: Workload) -> tuple[str, str]:
    if workload.target == "reconstruction":
        return "adam", "binary_crossentropy"
    sgd = workload.model in ("mlp_slide", "vgg16_transfer", "vgg16_frozen")
    return "sgd" if sgd else "adam", "categorical_crossentropy"
