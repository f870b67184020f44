using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Engine.Containers.Health;

/// <summary>The health probe that an image brings, Docker's addition to its configuration.</summary>
internal static class ImageHealth
{
    /// <summary>The probe as images have it: what was not asked for is left out.</summary>
    public static JsonElement ToElement(HealthOptions options) => JsonSerializer.SerializeToElement(options, ImageHealthJsonContext.Default.HealthOptions);

    /// <summary>The probe; null without one.</summary>
    /// <exception cref="EngineException">InvalidArgument when the image's configuration has something else there.</exception>
    public static HealthOptions? Of(ImageRunConfig? config)
    {
        if (config?.Other is null || !config.Other.TryGetValue("Healthcheck", out JsonElement element) || element.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        try
        {
            return element.Deserialize(ImageHealthJsonContext.Default.HealthOptions);
        }
        catch (JsonException exception)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the image's Healthcheck cannot be read: {exception.Message}", exception);
        }
    }
}

/// <summary>JSON of the probe as images have it.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(HealthOptions))]
internal sealed partial class ImageHealthJsonContext : JsonSerializerContext;
