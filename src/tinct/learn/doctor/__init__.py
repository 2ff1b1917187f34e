"""Why a training does not learn, found out by experiment: findings in order of weight, with evidence and remedy.

`recognition.examine` is where to begin; `colorization.examine_with_data` does what applies there on a training to
colorize, and `own.diagnose` examines anybody's own. From below: `findings` says what is found and reported; `plain`
asks whether pictures tell their classes, without any network; `changes` what augmentation takes away; `probes` are
experiments on any network, and what counts as bad in them; `evidence` is the engine of all examinations: it makes the
probes, applies rules and concludes; `trials` are short trainings. `examination` holds everything that is measured,
`experiments` does the part that needs the network, and `about_data`, `about_settings` and `about_network` turn what was
measured into findings.
"""
