"""Read and write films by PyAV (FFmpeg): Y planes are read as they are stored, and written as they are given.

A film is opened (`probe.open_film`), read frame by frame (`read.read_frames`), encoded in segments, a file each
(`write.new_segment`), and the segments are joined with the film's own sound, subtitles and chapters (`mux.assemble`).
"""

# Suffixes of the files in a folder that count as films; a film that is named by itself may have any.
FILM_SUFFIXES = frozenset(
    (
        *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mkv", ".mod"),
        *(".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod"),
        *(".ts", ".vob", ".webm", ".wmv", ".y4m"),
    )
)

# What is made of interlaced films: what their frames call for, the frames as they are, one frame for each, one for each
# field, or the film frames that 3:2 pulldown had spread over fields.
DEINTERLACE = ("auto", "off", "single", "double", "film")
