"""Two models, or two prompts, against the same human labels: before one is switched on."""
