/*
 * A set that goes on in its next epoch: the publisher who opens it and carries
 * an item over, and a member who changes over, is started again, or stops.
 *
 * In the old epoch entry 0 is the item; entry 1 may be its RETRACT.  In the new
 * one the item, and perhaps a RETRACT, stand at the index that is one less than
 * what is kept here; 0 is none.  Somebody disputes the old entry, at any time.
 */

/* The publisher. */
bool is_retracted;     /* in any epoch, and acknowledged */
bool old_retracted;    /* in the old one */
bool is_closed;        /* the old epoch takes nothing more */
bool is_opened;        /* the agreement of the new one is out */
byte void_from;        /* what the agreement says counts of the old one */
byte new_size, new_item, new_retract;
byte carried_plus_one; /* the agreement's, in its second version */

#define OLD_SIZE    (1 + old_retracted)
#define RETRACT_OLD atomic { old_retracted = true; is_retracted = true }
#define RETRACT_NEW atomic { new_size++; new_retract = new_size; \
			     is_retracted = true }
#define CARRY       atomic { new_size++; new_item = new_size }

active proctype publisher()
{
	/* Perhaps it is retracted before, or while the next one is opened. */
#ifdef WITHOUT_CLOSING_FIRST
	void_from = OLD_SIZE;
	if
	:: RETRACT_OLD
	:: skip
	fi;
	is_closed = true;
#else
	if
	:: RETRACT_OLD
	:: skip
	fi;
	is_closed = true;
	void_from = OLD_SIZE;
#endif
	is_opened = true;

	/* Now a retraction is one in the new epoch, of what was carried. */
	if
#ifdef WITHOUT_CARRYING_AT_ONCE
	:: !is_retracted -> RETRACT_OLD
#else
	:: !is_retracted -> CARRY; RETRACT_NEW
#endif
	:: skip
	fi;

	/* All that counts and lives; each once. */
	if
#ifdef WITHOUT_FATE
	:: new_item == 0 -> CARRY
#else
	:: new_item == 0 && !(void_from > 1) -> CARRY
#endif
	:: else
	fi;
#ifdef WITHOUT_CARRYING_WHOLE
	carried_plus_one = 1
#else
	carried_plus_one = new_size + 1
#endif
	;
	/* Or later. */
	if
	:: !is_retracted -> RETRACT_NEW
	:: skip
	fi
}

/* The member. */
byte old_held = 1;     /* of the old epoch, applied and indexed */
byte new_held;         /* of the new one, applied */
byte new_given;        /* and the index has them */
byte new_found;        /* and lookups would find them */
byte knows_carried;    /* carried_plus_one, as far as it heard */
bool out_of_old, out_of_new; /* of the index: taken back */
bool old_matched = true, new_matched;
bool has_changed;      /* at any time */
bool is_stopped;       /* it does not follow the new epoch any more */
bool is_disputed, old_demoted, new_demoted;
bool has_turned;       /* since a lookup began: it has to notice */

#ifdef WITHOUT_CARRIED
#define GIVEN(n) (is_opened && (n) >= 0)
#else
#define GIVEN(n) (knows_carried > 0 && (n) >= knows_carried - 1)
#endif
#ifdef WITHOUT_INDEX
#define HAS_ALL GIVEN(new_held)
#elif defined(WITHOUT_FINDING)
#define HAS_ALL GIVEN(new_given)
#else
#define HAS_ALL GIVEN(new_found)
#endif

/* What it fetches. */
active proctype fetching()
{
	do
	:: atomic { is_closed && old_held < OLD_SIZE &&
		    (!is_opened || old_held < void_from) ->
			old_held++;
			out_of_old = true
	   }
	:: atomic { is_opened && new_held < new_size -> new_held++ }
	:: atomic { carried_plus_one > 0 -> knows_carried = carried_plus_one }
	:: atomic {
		/* The dispute is of the old entry; of the new one where it is
		 * known by now that it goes on from that. */
		!is_disputed -> is_disputed = true;
		old_demoted = true;
#ifndef WITHOUT_PREDECESSOR
		if
		:: new_item > 0 && new_given >= new_item -> new_demoted = true
		:: else
		fi
#endif
	   }
	:: atomic { has_changed && !is_stopped ->
		is_stopped = true;
		new_matched = false;
#ifdef WITHOUT_NEVER_BACK
		old_matched = true;
#endif
		has_turned = true
	   }
	od
}

/* What is fed to the index, and the change. */
active proctype feed()
{
	bool knew;

	do
	:: new_given < new_held ->
		/* Gathered in one view; opinions that come meanwhile are seen
		 * by their number. */
		knew = is_disputed;
		atomic {
#ifndef WITHOUT_OPINIONS
#ifdef WITHOUT_A_SECOND_LOOK
			if
			:: new_given + 1 == new_item && knew ->
				new_demoted = true
			:: else
			fi;
#else
			if
			:: new_given + 1 == new_item && (knew || is_disputed) ->
				new_demoted = true
			:: else
			fi;
#endif
#endif
			if
			:: new_given + 1 == new_retract ->
				out_of_new = true;
#ifndef WITHOUT_TAKING_OUT_OF_BOTH
				out_of_old = true
#endif
			:: else
			fi;
			new_given++
		}
	/* What came in bulk is found once it is sealed. */
	:: atomic { new_found < new_given -> new_found = new_given }
	:: atomic {
		HAS_ALL && !new_matched && !is_stopped ->
#ifdef WITHOUT_ONE_STEP
		old_matched = false;
	   }
	   atomic {
#else
		old_matched = false;
#endif
		new_matched = true;
		has_changed = true;
		has_turned = true
	   }
	/* It is started again: where it stands follows from what is on disk. */
	:: atomic {
		new_matched || !HAS_ALL ->
#ifdef WITHOUT_LOOKING_AT_THE_START
		old_matched = !is_stopped;
		new_matched = false;
#else
		old_matched = !HAS_ALL && !is_stopped;
		new_matched = HAS_ALL && !is_stopped;
#endif
		has_turned = true
	   }
	od
}

#define OLD_HIT (old_matched && !out_of_old)
#define NEW_HIT (new_matched && new_item > 0 && new_found >= new_item && \
		 !out_of_new)

/* Somebody looks the item up: one set is judged after the other. */
active proctype lookup()
{
	byte hits = 0;

	do
	:: has_turned = false;
	   if
	   :: hits = hits + OLD_HIT; hits = hits + NEW_HIT
	   :: hits = hits + NEW_HIT; hits = hits + OLD_HIT
	   fi;
	   atomic {
#ifndef WITHOUT_LOOKING_AGAIN
		if
		:: has_turned -> goto again
		:: else
		fi;
#endif
		/* Nobody took it back, and it follows the set: found, once. */
		assert(hits < 2);
		assert(hits == 1 || is_retracted || is_stopped)
	   }
again:	   hits = 0
	od
}

active proctype law()
{
	do
	:: atomic {
		/* What the publisher took back does not live in the new epoch,
		 * whenever that was: it is not there, or taken back there. */
		assert(!(is_retracted && new_item > 0 && new_retract == 0));
		/* What the member knows to be taken back does not match. */
		assert(!(old_held > 1 && (OLD_HIT || NEW_HIT)));
		assert(!(new_retract > 0 && new_given >= new_retract &&
			 (OLD_HIT || NEW_HIT)));
		/* What is disputed in the one is in the other. */
		assert(!(is_disputed && OLD_HIT && !old_demoted));
		assert(!(is_disputed && NEW_HIT && !new_demoted));
		/* It never goes back. */
		assert(!(has_changed && old_matched));
		assert(!(is_stopped && (OLD_HIT || NEW_HIT)))
	   }
	od
}
