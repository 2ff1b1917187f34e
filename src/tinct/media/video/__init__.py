"""Films in and out of files, by PyAV (FFmpeg): Y planes come out as they are stored, and go in as they are given.

A film is opened (`probe.open_film`), read frame by frame (`read.read_frames`), encoded in segments, a file each
(`write.SegmentWriter`), and the segments are joined with the film's own sound, subtitles and chapters (`mux.assemble`).
"""

# Endings of films in a folder of them; a film that is named may have any.
FILM_SUFFIXES = frozenset(
    (
        *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mkv", ".mod"),
        *(".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod"),
        *(".ts", ".vob", ".webm", ".wmv", ".y4m"),
    )
)

# What is done about interlaced films: what is found to be right, nothing, a frame for each, one for each field, or the
# frames of film that had been spread over fields.
DEINTERLACE = ("auto", "off", "single", "double", "film")
