hf_fuzz(order_file USES base codec cmd)
