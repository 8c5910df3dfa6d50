"""Audit: checks on a log that a consumer does not know the future, is deterministic, and survives a restart."""

from __future__ import annotations

from mtf.audit.auditor import AuditReport, Finding, audit

__all__ = ["AuditReport", "Finding", "audit"]
