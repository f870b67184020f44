namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>A property of a unit: its name, its D-Bus type, and the value.</summary>
internal sealed class UnitProperty
{
    private readonly string signature;
    private readonly Action<DBusWriter> write;

    private UnitProperty(string name, string signature, object value, Action<DBusWriter> write)
    {
        Name = name;
        this.signature = signature;
        Value = value;
        this.write = write;
    }

    /// <summary>As in systemd's D-Bus interface.</summary>
    public string Name { get; }

    /// <summary>For messages and tests.</summary>
    public object Value { get; }

    /// <summary>A text.</summary>
    public static UnitProperty Of(string name, string value) => new(name, "s", value, w => w.String(value));

    /// <summary>A truth.</summary>
    public static UnitProperty Of(string name, bool value) => new(name, "b", value, w => w.Boolean(value));

    /// <summary>A number.</summary>
    public static UnitProperty Of(string name, ulong value) => new(name, "t", value, w => w.UInt64(value));

    /// <summary>A number of another type.</summary>
    /// <param name="name">The property's name.</param>
    /// <param name="signature">One letter.</param>
    /// <param name="size">4 or 8 bytes.</param>
    /// <param name="bits">The number as it is in memory.</param>
    /// <param name="value">For messages and tests.</param>
    public static UnitProperty OfNumber(string name, string signature, int size, ulong bits, object value) => new(name, signature, value, w =>
    {
        if (size == sizeof(uint))
            w.UInt32((uint)bits);
        else
            w.UInt64(bits);
    });

    /// <summary>Texts.</summary>
    public static UnitProperty Of(string name, string[] value) => new(name, "as", value, w => w.Array(sizeof(uint), () => Array.ForEach(value, w.String)));

    /// <summary>Process ids.</summary>
    public static UnitProperty Of(string name, uint[] value) => new(name, "au", value, w => w.Array(sizeof(uint), () => Array.ForEach(value, w.UInt32)));

    /// <summary>A set of numbers, as bits.</summary>
    public static UnitProperty Of(string name, byte[] value) => new(name, "ay", value, w => w.Array(1, () => w.Raw(value)));

    /// <summary>Devices with their access.</summary>
    public static UnitProperty Of(string name, (string Device, string Access)[] value) => new(name, "a(ss)", value, w => w.Array(8, () =>
    {
        foreach ((string device, string access) in value)
        {
            w.Align(8);
            w.String(device);
            w.String(access);
        }
    }));

    /// <summary>Writes an <c>a(sv)</c>.</summary>
    public static void WriteAll(DBusWriter writer, IReadOnlyList<UnitProperty> properties) => writer.Array(8, () =>
    {
        foreach (UnitProperty property in properties)
        {
            writer.Align(8);
            writer.String(property.Name);
            writer.Signature(property.signature);
            property.write(writer);
        }
    });

    /// <inheritdoc/>
    public override string ToString() => $"{Name}={Value}";
}
