"""Fine-tuning as an objective: models, weights, data, the training loop and trial checkpoints.

Nothing is imported here, so that the workflow loader can use `autode.training.settings` without loading torch.
"""
