/*
 * A publisher, its signer, relays, two subscribers, a witness: whether two
 * subscribers can accept two trees of one size, whatever the publisher's
 * daemon asks for and whichever note a relay shows.
 *
 * A tree is its size and its branch: entries below FORK are on both.  A relay
 * is every choice of a note that was ever signed.  STOLEN: the log key signs
 * outside the signer, so that only the witness is left.
 */
#define SIZE_MAX 2
#define FORK     1

#define NOTE(size, branch)        (2 * (size) + (branch))
#define ROOT(size, branch)        (1 + ((size) > FORK -> (branch) : 0))
#define GROWS(m, bm, n, bn)       ((m) <= (n) && ((m) <= FORK || (bm) == (bn)))

bool note[2 * SIZE_MAX + 2];     /* signed by the log key */
bool cosigned[2 * SIZE_MAX + 2]; /* and by the witness */
byte accepted[SIZE_MAX + 1];     /* the root at a size, by any subscriber */

inline choose(size, branch)
{
	select(size : 1 .. SIZE_MAX);
	select(branch : 0 .. 1)
}

/* The signer: its record is on disk before the signature exists. */
active proctype signer()
{
	byte size, branch, last = 0, last_branch = 0;

	do
	:: atomic {
		choose(size, branch);
#if !defined(STOLEN) && !defined(WITHOUT_SIGNER_CHECK)
		if
		:: GROWS(last, last_branch, size, branch)
		:: else -> goto again
		fi;
#endif
		last = size;
		last_branch = branch;
		note[NOTE(size, branch)] = true
	   }
again:	   atomic { size = 0; branch = 0 }
	od
}

#ifdef WITNESS
/* The witness, which may die between any two steps; its record stays. */
active proctype witness()
{
	byte size, branch, last = 0, last_branch = 0;

	do
	:: atomic {
		choose(size, branch);
		if
		:: note[NOTE(size, branch)]
		:: else -> goto again
		fi;
#ifndef WITHOUT_WITNESS_CHECK
		if
		:: GROWS(last, last_branch, size, branch)
		:: else -> goto again
		fi;
#endif
	   }
#ifdef WITHOUT_RECORD_FIRST
	   cosigned[NOTE(size, branch)] = true;
	   if
	   :: goto again /* it dies here */
	   :: skip
	   fi;
	   atomic { last = size; last_branch = branch }
#else
	   atomic { last = size; last_branch = branch };
	   if
	   :: goto again
	   :: skip
	   fi;
	   cosigned[NOTE(size, branch)] = true;
#endif
again:	   atomic { size = 0; branch = 0 }
	od
}
#endif

active [2] proctype subscriber()
{
	byte size, branch, seen = 0, seen_branch = 0, i;

	do
	:: atomic {
		choose(size, branch);
		if
#if defined(WITNESS) && !defined(WITHOUT_QUORUM)
		:: cosigned[NOTE(size, branch)] && size > seen
#else
		:: note[NOTE(size, branch)] && size > seen
#endif
		:: else -> goto again
		fi;
		if
		:: GROWS(seen, seen_branch, size, branch)
		:: else -> goto again
		fi;
		seen = size;
		seen_branch = branch;
		/* Every size below is a part of what was accepted. */
		for (i : 1 .. seen) {
			assert(accepted[i] == 0 ||
			       accepted[i] == ROOT(i, seen_branch));
			accepted[i] = ROOT(i, seen_branch)
		}
		i = 0
	   }
again:	   atomic { size = 0; branch = 0 }
	od
}
