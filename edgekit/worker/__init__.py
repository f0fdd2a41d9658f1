"""The program that runs on a device: a request folder in, a result folder out.

Run it by its path, `python .../worker REQUEST RESULT`; it imports ncnn, numpy and the standard
library and nothing else of edgekit, so that the folder can be copied to a board as it is.
"""
