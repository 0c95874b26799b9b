"""Which class speaks for which Avro record, and which schema file holds which language."""

from types import MappingProxyType, ModuleType

import msgspec

from schemas import events, records, signals, values

NAMESPACES: dict[ModuleType, str] = {
    values: "shoprelay",
    events: "shoprelay.events",
    signals: "shoprelay.signals",
    records: "shoprelay.records",
}

CLASSES = MappingProxyType(
    {
        f"{namespace}.{name}": found
        for module, namespace in NAMESPACES.items()
        for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, msgspec.Struct) and found.__module__ == module.__name__
        # Value, Payload and Conclusion only configure the others
        if not found.__subclasses__()
    }
)

FILES: MappingProxyType[str, type[msgspec.Struct]] = MappingProxyType(
    {
        "shop_event.avsc": events.ShopEvent,
        "customer_event.avsc": events.CustomerEvent,
        "catalog_event.avsc": events.CatalogEvent,
        "signal.avsc": signals.Signal,
        "catalog_signal.avsc": signals.CatalogSignal,
        "refused.avsc": records.Refused,
        "parked.avsc": records.Parked,
    }
)
