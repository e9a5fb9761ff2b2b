hf_unit(opinion_book UNTORTURED USES base codec service)
