/*
 * A subscriber of a set whose entry 0 is an ADD and entry 1 its RETRACT, that
 * learns of checkpoints, headers, payloads and cosignatures in any order:
 * whether what was taken back still blocks.
 */
byte seen, cosigned, applied, first_seen;
bool proven, demoted, was_whole, is_frozen;

#ifdef WITHOUT_REVIEW_UNTIL_WHOLE
#define WHOLE true
#else
#define WHOLE was_whole
#endif
#ifdef WITHOUT_REVIEW_WHILE_FROZEN
#define THAWED true
#else
#define THAWED (!is_frozen)
#endif

#define BLOCKS (applied == 1 && !demoted && WHOLE && THAWED)

active proctype subscriber()
{
	do
	:: atomic { seen < 1 -> seen = 1; first_seen = 1 }
	:: atomic { seen < 2 -> first_seen = (first_seen == 0 -> 2 : first_seen);
		    seen = 2 }
	:: atomic { cosigned < seen -> cosigned++ }
	/* Headers come first, and ahead of cosignatures. */
	:: atomic {
		seen == 2 && !proven -> proven = true;
#ifndef WITHOUT_HEADERS_FIRST
		demoted = true
#endif
	   }
	:: atomic {
		applied < cosigned && !is_frozen -> applied++;
		was_whole = (was_whole || applied == seen)
	   }
	:: is_frozen = true
	od
}

active proctype law()
{
	do
	:: atomic {
		/* A retraction that is proven is never overtaken. */
		assert(!(proven && BLOCKS));
		/* Who begins after it never blocks what it took back. */
		assert(!(first_seen == 2 && BLOCKS));
		/* Nor does who is stopped and would not hear of it. */
		assert(!(is_frozen && BLOCKS))
	   }
	od
}
