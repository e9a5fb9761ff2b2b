/* A descriptor set as read-only data: HF_SCHEMA_FILE is its file, and
 * HF_SCHEMA_NAME begins the two symbols around it. */
#define PASTE(a, b) a##b
#define AROUND(a, b) PASTE(a, b)
#define AT  AROUND(HF_SCHEMA_NAME, _at)
#define END AROUND(HF_SCHEMA_NAME, _end)

	.section .rodata
	.global AT
	.global END
	.balign 8
AT:
	.incbin HF_SCHEMA_FILE
END:
	.section .note.GNU-stack,"",@progbits
