using System.Collections.Concurrent;
using Berth.Build.Frontend;
using Berth.Engine.Registries;
using Berth.Model;
using Berth.Registry;
using Berth.Storage.Images;

namespace Berth.Engine.Builds;

/// <summary>The images that a build's stages begin with: those that are here, and those of registries. Each name is asked for once in a build.</summary>
/// <param name="images">What is here.</param>
/// <param name="registries">Where the rest is.</param>
/// <param name="credentialOf">Of a registry's domain.</param>
internal sealed class BaseImages(ImageStore images, RegistryService registries, Func<string, RegistryCredential> credentialOf) : IBaseImages
{
    private readonly ConcurrentDictionary<(string Name, Platform? Platform), Lazy<Task<ImageRecord>>> found = [];

    /// <inheritdoc/>
    public Task<ImageRecord> GetAsync(string name, Platform? platform, bool pulls, Action<string, string, long, long> report, CancellationToken cancellationToken) =>
        found.GetOrAdd((name, platform), _ => new Lazy<Task<ImageRecord>>(() => FindAsync(name, platform, pulls, report, cancellationToken))).Value;

    private async Task<ImageRecord> FindAsync(string name, Platform? platform, bool pulls, Action<string, string, long, long> report, CancellationToken cancellationToken)
    {
        if (!pulls && TryResolve(name, platform) is { } here)
        {
            return here;
        }

        ImageReference reference = ImageReference.Parse(name).WithDefaultTag();
        await registries.PullAsync(reference, platform, credentialOf(reference.Domain), message => report(message.Id ?? "", message.Status, message.Done, message.Total), cancellationToken);
        return TryResolve(name, platform) ?? throw new EngineException(ErrorKind.NotFound, $"No such image: {reference.Familiar}");
    }

    private ImageRecord? TryResolve(string name, Platform? platform)
    {
        try
        {
            ImageRecord image = images.Resolve(name);
            return image.IsConfigLost || platform is { } wanted && (wanted.Os != image.Config.Os || wanted.Architecture != image.Config.Architecture) ? null : image;
        }
        catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }
}
