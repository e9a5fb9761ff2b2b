/*
 * A publisher that appends, signs and acknowledges, and dies between any two
 * steps: whether something that was acknowledged is lost.
 *
 * queued and signed_size are memory; committed, recorded and stored are disk.
 */
#define ENTRIES 4

byte committed, recorded, stored; /* entries, the signer's record, the note */
byte acked;                       /* what clients were told */

active proctype publisher()
{
	byte queued = 0, signed_size = 0;

	do
	:: queued == 0 && committed < ENTRIES -> queued = 1
#ifdef WITHOUT_COMMIT_FIRST
	:: queued == 1 && acked == committed -> acked = committed + 1
#endif
	:: queued == 1 -> atomic { committed++; queued = 0 }
	:: committed > recorded -> recorded = committed
#ifdef WITHOUT_RECORD_FIRST
	:: committed > signed_size -> signed_size = committed
#else
	:: recorded > signed_size -> signed_size = recorded
#endif
	:: signed_size > stored -> stored = signed_size
#ifdef WITHOUT_NOTE_FIRST
	:: signed_size > acked -> acked = signed_size
#else
	:: stored > acked -> acked = stored
#endif
	:: /* It dies, and starts again: what is unsigned stays. */
	   atomic {
		queued = 0;
		signed_size = stored;
#ifdef WITHOUT_KEEPING_UNSIGNED
		committed = stored
#endif
	   }
	od
}

/* Always, so also right after it died. */
active proctype law()
{
	do
	:: atomic {
		assert(acked <= committed);
		/* Under a note that a new start still has. */
		assert(acked <= stored);
		/* Nobody has seen a signature that the signer may forget. */
		assert(stored <= recorded);
		/* What was signed is never cut off: other entries would take
		 * its place at the same size. */
		assert(recorded <= committed)
	   }
	od
}
