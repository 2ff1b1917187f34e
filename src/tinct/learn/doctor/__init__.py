"""Why a training does not learn, found out by experiment: findings in order of weight, with evidence and remedy.

`recognition.examine` is where to begin; `colorization.examine_training` does what applies there on a training to
colorize. From below: `findings` says what is found and reported; `features` and `labels` ask whether pictures tell
their classes, without any network; `files` what files have lost; `changes` what augmentation takes away; `probes` are
experiments on any network; `trials` are short trainings. `examination` holds everything that is measured,
`experiments` does the part that needs the network, `about_data`, `about_settings` and `about_network` turn what was
measured into findings, and `conclusion` into a sentence.
"""
