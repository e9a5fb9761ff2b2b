#!/bin/sh
# hook.sh HASHFED FOLDER: the hook of test_takedown.py.  It keeps a log of what
# it was given and when it ended, and takes down what was notified; done twice
# that is the same move, as the request has the case's own name.
log=$2/hook.log

# of FIELD: its value in the line that was read.
of() {
	value=${news#*\"$1\":}
	value=${value%%[,\}]*}
	value=${value#\"}
	value=${value%\"}
}

read -r news
of state && state=$value
of events && events=$value
of repeat && repeat=$value
of run && run=$value

exec 9>>"$2/lock-$HASHFED_CASE"
flock -n 9 || echo "overlap $HASHFED_CASE $$" >>"$log"
echo "begin $HASHFED_CASE $$ $events $state $HASHFED_WHY $repeat $run" >>"$log"
# One case in two waits for its receipt, which nothing else would ask for.
case $state$HASHFED_CASE in
noticed[02468ace]* | acknowledged*)
	case $HASHFED_CASE in
	[0-7]*) word=disabled ;;
	*) word=removed ;;
	esac
	"$1" cases $word "$HASHFED_CASE" --request "$HASHFED_CASE" \
		>/dev/null 2>>"$log.err"
	;;
esac
status=$?
echo "end $HASHFED_CASE $$ $status" >>"$log"
exit $status
