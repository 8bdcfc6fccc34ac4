"""Recorded runs, one JSON file each; a package so that pip takes them along. Read them by `resnet_edu.runs`."""
