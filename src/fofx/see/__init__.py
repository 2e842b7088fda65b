"""See: numbers for pictures of a run. Plain functions, numpy arrays out; each says what it measured.

`rows` reads the run's own rows again, `frames` what was recorded while a network learned; `gradients`, `landscape`, `chain`
and `activations` look into its networks. Nothing here knows a screen.
"""
