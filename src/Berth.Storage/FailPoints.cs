namespace Berth.Storage;

/// <summary>
/// The names of all marked steps (<see cref="FailPoint"/>): the part before the dot says which operations come by. The test that walks them compiles this
/// file and reads them by reflection.
/// </summary>
public static class FailPoints
{
    // A batch of records: its bytes are in the file; they are on the disk.
    public const string JournalWritten = "journal.written";
    public const string JournalSynced = "journal.synced";

    // Import, load and commit.
    public const string ImageBlobPublished = "image.blob-published";
    public const string ImageLayerPublished = "image.layer-published";
    public const string ImageDocumentWritten = "image.document-written";
    public const string ImageSynced = "image.synced";
    public const string ImageRecorded = "image.recorded";

    // A step of a build that runs a process: its writable layer is there; it runs.
    public const string StepPrepared = "step.prepared";
    public const string StepStarted = "step.started";

    // Steps of a build: their layers are on the disk; they are recorded.
    public const string StepsSynced = "steps.synced";
    public const string StepsRecorded = "steps.recorded";

    public const string TagRecorded = "tag.recorded";

    public const string ImageRemovalRecorded = "rmi.recorded";
    public const string ImageRemovalLayersDeleted = "rmi.layers-deleted";
    public const string ImageRemovalBlobsDeleted = "rmi.blobs-deleted";

    // A folder lies among what is to be deleted.
    public const string TrashTaken = "trash.taken";

    // With the driver vfs: a container's copy is complete, and has not its name yet.
    public const string CopyMade = "copy.made";

    // A check's repair: the layer, unpacked again, lies beside the damaged one, on the disk; it is in its place.
    public const string RepairStaged = "fsck.staged";
    public const string RepairExchanged = "fsck.exchanged";

    // A push: the registry has the image under its tag; the digest that it has there is recorded.
    public const string PushSent = "push.sent";
    public const string PushRecorded = "push.recorded";

    public const string CreateFolderMade = "create.folder-made";
    public const string CreateLayerMade = "create.layer-made";
    public const string CreateRecorded = "create.recorded";
    public const string CreateTold = "create.told";

    public const string StartBundleWritten = "start.bundle-written";
    public const string StartPrepared = "start.prepared";
    public const string StartStarted = "start.started";
    public const string StartRecorded = "start.recorded";
    public const string StartTold = "start.told";

    public const string StopNoted = "stop.noted";
    public const string StopSignalled = "stop.signalled";
    public const string StopTold = "stop.told";

    // A run is over: known from the shim, its traces gone, recorded, told.
    public const string EndSeen = "end.seen";
    public const string EndCleaned = "end.cleaned";
    public const string EndRecorded = "end.recorded";
    public const string EndTold = "end.told";

    public const string RemoveRecorded = "rm.recorded";
    public const string RemoveTold = "rm.told";
    public const string RemoveLayerRemoved = "rm.layer-removed";
    public const string RemoveFolderRemoved = "rm.folder-removed";

    // A network: made in the kernel, recorded; its record gone, it gone from the kernel.
    public const string NetworkMade = "net-create.made";
    public const string NetworkRecorded = "net-create.recorded";
    public const string NetworkRemovalRecorded = "net-rm.recorded";
    public const string NetworkRemoved = "net-rm.removed";

    // A start's networks: in memory, an empty namespace, one more link in it, names and all else.
    public const string PlugPlanned = "plug.planned";
    public const string PlugOpened = "plug.opened";
    public const string PlugLinked = "plug.linked";
    public const string PlugServed = "plug.served";

    // The end of a run: its networks know nothing of it any more, its record does.
    public const string UnplugClosed = "unplug.closed";

    // Of a container that runs.
    public const string ConnectLinked = "connect.linked";
    public const string ConnectRerouted = "connect.rerouted";
    public const string ConnectRecorded = "connect.recorded";
    public const string DisconnectUnlinked = "disconnect.unlinked";
    public const string DisconnectRerouted = "disconnect.rerouted";
    public const string DisconnectRecorded = "disconnect.recorded";

    public const string ExecMade = "exec.made";
    public const string ExecMadeTold = "exec.made-told";
    public const string ExecStartTold = "exec.start-told";
    public const string ExecStarted = "exec.started";

    // By a restart policy.
    public const string RestartPlanned = "restart.planned";
    public const string RestartBegun = "restart.begun";

    // By a user: stopped, and not started yet.
    public const string AgainStopped = "again.stopped";
    public const string AgainTold = "again.told";

    // All processes stand still, or go on: known to the kernel alone, told.
    public const string PauseFrozen = "pause.frozen";
    public const string PauseTold = "pause.told";
    public const string UnpauseThawed = "unpause.thawed";
    public const string UnpauseTold = "unpause.told";

    public const string RenameRecorded = "rename.recorded";
    public const string RenameTold = "rename.told";

    public const string HealthProbed = "health.probed";
    public const string HealthWritten = "health.written";
    public const string HealthKept = "health.kept";

    public const string EventAppended = "event.appended";
    public const string EventFileMoved = "event.file-moved";
}
