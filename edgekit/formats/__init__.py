"""The files of ncnn and pnnx: the only place that knows how they are spelled."""
