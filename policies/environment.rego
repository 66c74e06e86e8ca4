# Environments and freeze windows.
#
# A window is absolute (`from`, `to`: RFC 3339) or weekly (`days`, `from`, `to`: HH:MM, UTC). It holds in its
# environments, and in any environment that no limit names. Rollback and break-glass pass.
package policy.assistant.v1

deny contains {"rule": "freeze_window", "message": $"{window.name}: {window.reason}"} if {
	needs_judgement
	some window in config.freeze_windows
	holds_here(window)
	holds_now(window)
}

deny contains {"rule": "freeze_window_unreadable", "message": $"The freeze window {window.name} can not be read"} if {
	needs_judgement
	some window in config.freeze_windows
	not is_readable(window)
}

deny contains {"rule": "time_unreadable", "message": "The time of the question can not be read"} if {
	is_forward
	not now_ns
}

holds_here(window) if input.context.environment in window.environments

holds_here(_) if not config.limits.environments[input.context.environment]

holds_now(window) if {
	not window.days
	now_ns >= time.parse_rfc3339_ns(window.from)
	now_ns < time.parse_rfc3339_ns(window.to)
}

holds_now(window) if {
	time.weekday(now_ns) in window.days
	clock_now >= window.from
	clock_now < window.to
}

is_readable(window) if {
	not window.days
	is_array(window.environments)
	time.parse_rfc3339_ns(window.from) < time.parse_rfc3339_ns(window.to)
}

is_readable(window) if {
	is_array(window.environments)
	count(window.days) > 0
	every day in window.days {
		day in {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	}
	is_clock(window.from)
	is_clock(window.to)
	window.from < window.to
}

# HH:MM texts compare as the times they name.
is_clock(text) if regex.match(`^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`, text)

clock_now := $"{two_digits(hour)}:{two_digits(minute)}" if [hour, minute, _] := time.clock(now_ns)

two_digits(number) := $"{number}" if number >= 10

two_digits(number) := $"0{number}" if number < 10
