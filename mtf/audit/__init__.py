"""Audit: whether a consumer knows the future, is deterministic, and keeps its state over a restart, on a log."""

from __future__ import annotations

from mtf.audit.auditor import AuditReport, Finding, audit

__all__ = ["AuditReport", "Finding", "audit"]
