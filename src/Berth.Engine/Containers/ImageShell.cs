using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Engine.Containers;

/// <summary>The shell that an image brings for lines that name none, Docker's addition to its configuration.</summary>
internal static class ImageShell
{
    private const string Member = "Shell";

    /// <summary>The shell; null where the image says nothing.</summary>
    /// <exception cref="EngineException">InvalidArgument when the image's configuration has something else there.</exception>
    public static IReadOnlyList<string>? Of(ImageRunConfig? config)
    {
        if (config?.Other is null || !config.Other.TryGetValue(Member, out JsonElement element) || element.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        try
        {
            return element.Deserialize(EngineJsonContext.Default.ListString) is { Count: > 0 } words ? words : null;
        }
        catch (JsonException exception)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the image's {Member} cannot be read: {exception.Message}", exception);
        }
    }
}
