"""Natural policy gradients: training and checking of reinforcement-learning policies."""
