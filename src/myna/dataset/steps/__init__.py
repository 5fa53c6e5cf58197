"""What is done to clips, one step a module; `myna.dataset.stages` has their order."""
