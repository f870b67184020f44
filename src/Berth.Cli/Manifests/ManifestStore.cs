using Berth.Model;

namespace Berth.Cli.Manifests;

/// <summary>
/// Manifest lists in the making, in the folder <c>manifests</c> of the user's settings: a folder for each list, a file for each of its images. Names and contents are docker's, so that
/// one of both command lines can go on with what the other began.
/// </summary>
internal sealed class ManifestStore
{
    private const UnixFileMode FolderMode = (UnixFileMode)0x1ED; // 0755, as the stock CLI's
    private readonly string root;

    public ManifestStore(CliContext context) => root = Path.Combine(context.ConfigFolder, "manifests");

    /// <summary>The images of a list in the order of their files' names; none when there is no such list.</summary>
    /// <exception cref="CommandFailedException">A file cannot be read.</exception>
    public List<ManifestEntry> Read(ImageReference list)
    {
        string folder = FolderOf(list);
        return !Directory.Exists(folder) ? [] :
            [.. Directory.EnumerateFiles(folder).Where(static file => !Path.GetFileName(file).StartsWith('.')).Order(StringComparer.Ordinal).Select(Read)];
    }

    /// <summary>One image of a list; null when it is not in it.</summary>
    /// <exception cref="CommandFailedException">Its file cannot be read.</exception>
    public ManifestEntry? Find(ImageReference list, ImageReference image)
    {
        string file = FileOf(list, image);
        return File.Exists(file) ? Read(file) : null;
    }

    /// <summary>Puts an image into a list, in place of what was there under its name.</summary>
    /// <exception cref="CommandFailedException">The file cannot be written.</exception>
    public void Write(ImageReference list, ImageReference image, ManifestEntry entry)
    {
        string file = FileOf(list, image);
        string temporary = Path.Combine(FolderOf(list), $".{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(FolderOf(list), FolderMode);
            File.WriteAllBytes(temporary, entry.ToJson());
            File.Move(temporary, file, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"cannot write {file}: {Flags.KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
    }

    /// <summary>Removes a list; false when there is none.</summary>
    /// <exception cref="CommandFailedException">It cannot be removed.</exception>
    public bool Remove(ImageReference list)
    {
        string folder = FolderOf(list);
        if (!Directory.Exists(folder))
            return false;

        try
        {
            Directory.Delete(folder, recursive: true);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"cannot remove {folder}: {Flags.KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
    }

    private static ManifestEntry Read(string file)
    {
        try
        {
            return ManifestEntry.Parse(File.ReadAllBytes(file), file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"open {file}: {Flags.KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
    }

    private string FolderOf(ImageReference list) => Path.Combine(root, NameOf(list));

    private string FileOf(ImageReference list, ImageReference image) => Path.Combine(FolderOf(list), NameOf(image));

    private static string NameOf(ImageReference reference) => reference.ToString().Replace(':', '-').Replace('/', '_');
}
