"""albumentations with OpenCV: batches of augmented pictures."""

from functools import partial

import albumentations
import cv2

from bench.pictures import of_albumentations
from bench.workers.protocol import Prepared, Worker, serve, thread_count
from bench.workloads import Workload


class Albumentations(Worker):
    def __init__(self) -> None:
        cv2.setNumThreads(thread_count())

    def version(self) -> str:
        return f"albumentations {albumentations.__version__}, OpenCV {cv2.__version__}"

    def prepare(self, workload: Workload) -> Prepared | None:
        return None

    def augment(self, workload: Workload) -> Prepared | None:
        flag = cv2.IMREAD_REDUCED_COLOR_2 if workload.model == "drafts" else cv2.IMREAD_COLOR
        prepared = self.prepared(0)
        prepared.add("Compose", partial(of_albumentations, workload, flag))
        return prepared


if __name__ == "__main__":
    serve(Albumentations())
