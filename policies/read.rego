# Reads.
# Whoever is known in the tenant may read; what is secret is denied elsewhere.
package policy.assistant.v1

allow contains {"rule": "read", "message": "Reads change nothing"} if {
	input.action.kind == "read"
	calls_readable
	not is_write
	count(changes) == 0
	input.resources.write_steps == 0
}

deny contains {"rule": "anonymous", "message": "An anonymous actor may not use tools"} if "anonymous" in input.actor.roles

deny contains {
	"rule": "other_tenant",
	"message": $"{input.actor.id} belongs to tenant {input.actor.tenant_id}, not to {input.context.tenant_id}",
} if {
	input.actor.tenant_id != input.context.tenant_id
}
