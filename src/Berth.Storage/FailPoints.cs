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

    public const string TagRecorded = "tag.recorded";

    public const string ImageRemovalRecorded = "rmi.recorded";
    public const string ImageRemovalLayersDeleted = "rmi.layers-deleted";
    public const string ImageRemovalBlobsDeleted = "rmi.blobs-deleted";

    // A folder lies among what is to be deleted.
    public const string TrashTaken = "trash.taken";
}
