"""``auditspine demo``: the whole system on real data."""

from auditspine.cli.extras import require_extra
from auditspine.cli.options import DataDirOption


def demo(data_dir: DataDirOption = None) -> None:
    """Run the whole system on real mortgage data and verify the evidence.

    Starts the embedded stack (or uses the one that runs), lets two lenders train, validate,
    approve and serve a credit model on 2,381 real applications, one of them through a release gate
    that waits for two people, seals and lands every event, asks what an auditor would ask, changes
    the live data until the line is stopped, deploys past the gate until that is found, makes every
    decision anew, rebuilds the release, verifies, then alters one stored row and verifies again.

    **Example**: `auditspine demo`
    """
    require_extra("demo", "chdb", "jgo", "river")
    from auditspine.cli.demo.story import tell  # noqa: PLC0415 - needs what other commands do not

    tell(data_dir)
