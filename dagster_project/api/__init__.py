"""The HTTP door: events in, each durable before it is answered (R-50 to R-60).

`server` is the application; `requests` reads bodies; `door` judges with landing's own code and writes; `segments` are the files.
"""
