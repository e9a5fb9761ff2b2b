hf_unit(video_costly THREADS USES base sign match)
