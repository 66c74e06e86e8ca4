package policy.assistant.v1_test

test_reads_of_secrets_are_denied if {
	every path in [
		".env",
		"service/.env",
		"service/.env.production",
		"HEAD:service/.ENV",
		"certs/server.key",
		"/home/app/.ssh/id_ed25519",
		"deploy/secrets/shop.yaml",
		"deploy/secrets.yaml",
		"deploy%2Fsecrets%2Fshop",
		`c:\users\.ssh\config`,
		"http://169.254.169.254/latest/meta-data",
		"http://metadata.google.internal/computeMetadata/v1",
		"show?file=.netrc",
	] {
		denied_by(with_changes(read_question, [["action/input", {"deep": [{"path": path}]}]]), "secret_path")
	}
}

test_ordinary_paths_are_not_secret if {
	every path in ["service/config.json", "docs/environment.md", "src/keyboard.ts", "monkey", "HEAD~3:src/secretary.ts"] {
		allowed_by(with_changes(read_question, [["action/input", {"path": path}]]), {"read"})
	}
}

test_effects_on_secrets_are_denied if {
	denied_by(with_changes(read_question, [["resources/effects", [{"kind": "read", "target": "file:///app/.env"}]]]), "secret_path")
	leaky := object.union(push, {"paths": ["service/config.json", "service/tls.pem"]})
	denied_by(with_changes(revert_plan, [["resources/effects", [leaky]]]), "secret_path")
}

test_a_rollback_of_a_secret_is_not_blocked if {
	leaky := object.union(push, {"paths": ["service/tls.pem"]})
	allowed_by(with_changes(rollback_step, [["resources/effects", [leaky]]]), {"rollback"})
}
