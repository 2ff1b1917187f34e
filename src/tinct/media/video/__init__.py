"""Films in and out of files, by PyAV (FFmpeg): Y planes come out as they are stored, and go in as they are given.

A film is opened (`probe.open_film`), read frame by frame (`read.read_frames`), encoded in segments, a file each
(`write.SegmentWriter`), and the segments are joined with the film's own sound, subtitles and chapters (`mux.assemble`).
"""
