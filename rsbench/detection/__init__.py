"""Object detection and instance segmentation: detectors, their training, COCO figures."""
