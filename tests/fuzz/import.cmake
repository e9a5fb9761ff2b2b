hf_fuzz(import USES base codec cmd)
