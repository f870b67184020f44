using Berth.Model;

namespace Berth.Storage.Images;

/// <summary>When an image or a name of it must not go; docker's rules and words (moby, "image delete").</summary>
internal static class ImageConflicts
{
    /// <summary>Whether the image has at most one name; a tag and a digest of one repository count as one.</summary>
    public static bool HasSingleName(ImageRecord image) => image.References switch
    {
        { Count: <= 1 } => true,
        [var first, var second] => first.Repository == second.Repository && first.Digest.IsEmpty != second.Digest.IsEmpty,
        _ => false,
    };

    /// <summary>Taking the last name of an image that containers use away would leave it dangling.</summary>
    public static void RequireNameUnused(ImageRecord image, string name, ImageUse use)
    {
        if (!HasSingleName(image) || use.Running.Count + use.Stopped.Count == 0)
        {
            return;
        }

        string container = (use.Running.Count > 0 ? use.Running[0] : use.Stopped[0]).Short;
        throw new EngineException(
            ErrorKind.Conflict,
            $"conflict: unable to remove repository reference \"{name}\" (must force) - container {container} is using its referenced image {Short(image.Id)}");
    }

    /// <summary>What speaks against deleting the image, or null. Images made from it and running containers always do; the rest not when forced.</summary>
    /// <param name="image">The image.</param>
    /// <param name="use">Its containers.</param>
    /// <param name="hasChildren">Whether another image was made from it.</param>
    /// <param name="force">Whether the caller insists.</param>
    /// <param name="ignoreNames">Whether several names are no hindrance.</param>
    public static EngineException? AgainstDeletion(ImageRecord image, ImageUse use, bool hasChildren, bool force, bool ignoreNames)
    {
        if (hasChildren)
        {
            return Conflict(image, "cannot be forced", "image has dependent child images");
        }

        if (use.Running.Count > 0)
        {
            return Conflict(image, "cannot be forced", $"image is being used by running container {use.Running[0].Short}");
        }

        if (force)
        {
            return null;
        }

        if (!ignoreNames && image.References.Count > 1)
        {
            return Conflict(image, "must be forced", "image is referenced in multiple repositories");
        }

        return use.Stopped.Count > 0 ? Conflict(image, "must be forced", $"image is being used by stopped container {use.Stopped[0].Short}") : null;
    }

    private static EngineException Conflict(ImageRecord image, string how, string why) =>
        new(ErrorKind.Conflict, $"conflict: unable to delete {Short(image.Id)} ({how}) - {why}");

    private static string Short(Digest id) => id.Hex[..12];
}
